"""The API reads what the scorer writes."""

import msgspec

from streams.score_bodies import ScoreBody, ScorePart
from streams.serving.scores import Score


def test_the_api_knows_every_field_of_a_score_and_none_besides() -> None:
    written = {field.name for form in (ScoreBody, ScorePart) for field in msgspec.structs.fields(form)}
    assert {field.name for field in msgspec.structs.fields(Score)} == written
