"""Which currencies exist and how many decimals each has (ISO 4217)."""

from typing import Final

_TWO_DECIMALS: Final = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP "
    "CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES "
    "KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK "
    "NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB "
    "TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG BGN ANG"
)
_NO_DECIMALS: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS: Final = "BHD IQD JOD KWD LYD OMR TND"

#: Decimals of a currency's minor unit: 100 minor units of USD are one dollar, one of JPY is one yen.
EXPONENTS: Final[dict[str, int]] = (
    dict.fromkeys(_TWO_DECIMALS.split(), 2)
    | dict.fromkeys(_NO_DECIMALS.split(), 0)
    | dict.fromkeys(_THREE_DECIMALS.split(), 3)
    | {"CLF": 4}
)

_HUNDREDTHS: Final = [f"{rest:02d}" for rest in range(100)]


def exponent(currency: str) -> int:
    """How many decimals ``currency`` has; two for a code that is not in the list."""
    return EXPONENTS.get(currency, 2)


def money_text(minor: int, currency: str) -> str:
    """``412.50 USD`` for 41250 minor units."""
    places = exponent(currency)
    if minor < 0:
        return f"-{money_text(-minor, currency)}"
    if places == 2:
        # Nearly every currency, and part of nearly every outcome.
        return f"{minor // 100}.{_HUNDREDTHS[minor % 100]} {currency}"
    if not places:
        return f"{minor} {currency}"
    whole, rest = divmod(minor, 10**places)
    return f"{whole}.{rest:0{places}d} {currency}"
