"""``POST /v1/members/{member_id}/preview``: what would this basket do?"""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, post
from litestar.datastructures import State
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import BodyKwarg

from streams.access.guards import allow
from streams.instants import instant_text
from streams.serving.basket_views import standing
from streams.serving.baskets import Judged, RefusedBasketError, judged
from streams.serving.encoded import EncodedJson
from streams.serving.examples import BASKET, PREVIEW
from streams.serving.lookup import Answer, MemberLookup
from streams.serving.members import MemberId, unknown_member
from streams.serving.policies import InForce, Policies
from streams.serving.problems import Problem
from streams.serving.rebuilt import UnlikePolicyError
from streams.serving.scores import Score
from streams.serving.shapes import Basket, Freshness, Preview, Source
from streams.serving.told_problems import problems

#: When a policy that is not known yet is worth another request, in seconds.
_RETRY_SECONDS: Final = 5
_encode: Final = msgspec.json.Encoder().encode


@post(
    "/members/{member_id:str}/preview",
    status_code=200,
    summary="Tier, stage, numbers and what is missing to the next tier, as a basket would leave them",
    description="Judged by the rules of the scorer, under the policy that the member's score names. Nothing is "
    "written. `exact` says whether the scorer would come to the same.",
    responses={
        200: ResponseSpec(Preview, generate_examples=False, description="the effect", examples=[PREVIEW]),
        **problems(404, 409, 413, 422, 503),
    },
    operation_id="previewBasket",
    tags=["members"],
)
async def preview_basket(
    request: Request[Any, Any, State], member_id: MemberId, data: Annotated[Basket, BodyKwarg(examples=[BASKET])]
) -> EncodedJson:
    """Answer with the effect of a basket."""
    caller = allow(request, "preview")
    state = request.app.state
    lookup: MemberLookup = state.lookup
    answer = await lookup.one(member_id, caller.shops)
    if answer.source == "unknown":
        raise unknown_member()
    score = answer.score
    if score is not None and score.merged_into is not None:
        raise _merged(score.merged_into)
    in_force = _policy(state.policies, score)
    try:
        found = judged(score, answer.member_id, data, in_force, state.now_ms())
    except RefusedBasketError as refused:
        raise Problem(422, str(refused), kind="refused-basket", title="Refused basket") from refused
    except UnlikePolicyError as error:
        raise _no_policy(str(error)) from error
    told = _told(answer, answer.source, found, in_force)
    return EncodedJson(_encode(told), cache_control=b"no-store")


def _policy(policies: Policies, score: Score | None) -> InForce:
    if score is not None:
        known = policies.of_version(score.policy_version)
        if known is None:
            raise _no_policy(f"policy version {score.policy_version}, which the member was scored by, is not read yet")
        return known
    newest = policies.newest
    known = None if newest is None else policies.of_version(newest.version)
    if known is None:
        raise _no_policy("the policy in force was not read from Kafka yet")
    return known


def _told(answer: Answer, source: Source, found: Judged, in_force: InForce) -> Preview:
    score, after = answer.score, found.after
    doubts = list(found.doubts)
    if source == "last_good":
        doubts.append(f"Redis does not answer: this goes by what it said at {instant_text(answer.read_at)}")
    elif source == "default":
        doubts.append("Redis does not answer and nothing is known of the member: judged as a first order")
    fresh = Freshness(
        source,
        source != "redis",
        None if score is None else instant_text(score.as_of_ms),
        None if score is None else instant_text(answer.read_at),
        None if score is None else score.epoch,
        None if score is None else score.offset,
    )
    before = 0 if score is None else score.tier_rank or 0
    return Preview(
        member_id=answer.member_id,
        at=instant_text(found.at),
        exact=not doubts,
        doubts=doubts,
        rises=(after.tier_rank or 0) > before,
        before=None if score is None else standing(score, in_force.benefits),
        after=standing(after, in_force.benefits),
        currency=after.currency,
        policy_version=in_force.policy.version,
        freshness=fresh,
    )


def _no_policy(detail: str) -> Problem:
    return Problem(
        503,
        f"{detail}; look-ups go on meanwhile",
        kind="policy-not-read",
        title="Policy not read yet",
        headers={"Retry-After": str(_RETRY_SECONDS)},
    )


def _merged(into: str) -> Problem:
    return Problem(
        409,
        f"the member was merged into member {into}; preview the basket for them",
        kind="merged-member",
        title="Merged member",
        more={"merged_into": into},
    )


HANDLERS: Final = (preview_basket,)
