"""An identity provider: keys, their public halves as a key set, and tokens, honest and forged."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as new_rsa_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ISSUER = "https://login.shop.example"
AUDIENCE = "memberpulse"


class Issuer:
    """Signs with an RSA key ``r1`` and an EC key ``e1``."""

    def __init__(self) -> None:
        self.rsa = new_rsa_key(65537, 2048)
        self.ec = new_ec_key(SECP256R1())

    def write_key_set(self, path: Path, *names: str) -> None:
        path.write_text(json.dumps({"keys": [self.public(name) for name in names]}))

    def public(self, name: str) -> dict[str, Any]:
        if name == "r1":
            return jwt.algorithms.RSAAlgorithm.to_jwk(self.rsa.public_key(), as_dict=True) | {"kid": name}
        return jwt.algorithms.ECAlgorithm.to_jwk(self.ec.public_key(), as_dict=True) | {"kid": name}

    def claims(self, **changed: Any) -> dict[str, Any]:
        whole = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "campaigns",
            "exp": int(time.time()) + 600,
            "scope": "lookup preview",
        }
        return {name: value for name, value in (whole | changed).items() if value is not None}

    def token(self, *, key: str = "r1", **changed: Any) -> str:
        private: RSAPrivateKey | EllipticCurvePrivateKey = self.rsa if key == "r1" else self.ec
        algorithm = "RS256" if key == "r1" else "ES256"
        return jwt.encode(self.claims(**changed), private, algorithm, headers={"kid": key})

    def unsigned(self) -> str:
        return jwt.encode(self.claims(), "", "none", headers={"kid": "r1"})

    def hs256_with_the_public_key(self) -> str:
        """The classic: the verifier's public key, which everybody has, used as the secret of an HMAC."""
        pem = self.rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        head, body = (
            base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
            for part in ({"alg": "HS256", "typ": "JWT", "kid": "r1"}, self.claims())
        )
        # By hand, since PyJWT refuses to sign with a public key.
        signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(head + b"." + body, pem)
        return b".".join((head, body, base64.urlsafe_b64encode(signature).rstrip(b"="))).decode()

    def changed_on_the_way(self) -> str:
        head, _, signature = self.token().split(".")
        body = base64.urlsafe_b64encode(json.dumps(self.claims(scope="erase")).encode()).rstrip(b"=").decode()
        return f"{head}.{body}.{signature}"
