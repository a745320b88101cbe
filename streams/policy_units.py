"""In which units and words are the keys of a policy described?"""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from streams.file_problems import unfit


def about(description: str, **meaning: Any) -> Any:
    """A key in words, for editors and ``policy show``.

    ``more`` and ``less`` say what a higher and a lower value do to members, ``other`` what any other change does; of
    a list of choices the later is the higher. ``absent`` says what it means that the canonical form lacks the key,
    where that is not the key's default, ``unused`` is the value that it then amounts to, and ``begins`` and ``ends``
    are what follows when the key appears and when it goes. ``beside`` names keys without which it means nothing,
    ``zero`` is what 0 is called where that switches something off, ``called`` is the key's name in a sentence.
    ``policy diff`` tells them.
    """
    return Field(description=description, json_schema_extra=meaning)


Days = Annotated[int, Field(ge=1, le=3650, json_schema_extra={"unit": "days"})]
Orders = Annotated[int, Field(ge=1, le=1_000_000, json_schema_extra={"unit": "kept orders"})]
Money = Annotated[int, Field(ge=1, le=1_000_000_000_000, json_schema_extra={"unit": "minor units (cents)"})]


def plain_name(name: str) -> str:
    """``name`` when it can be seen whole, for a pydantic validator."""
    if name != name.strip() or not name.isprintable():
        raise unfit("expected a name without blanks around it, line breaks and other control characters")
    return name


ShortText = Annotated[str, AfterValidator(plain_name), Field(min_length=1, max_length=64)]
