"""What a checker raises."""


class GuaranteeBroken(BaseException):
    """A guarantee does not hold. No `except Exception` of the code under test can hide it.

    `guarantee` is the checker's name, as the README of the guarantees lists them.
    """

    def __init__(self, guarantee: str, sentence: str) -> None:
        super().__init__(f"{guarantee}: {sentence}")
        self.guarantee = guarantee
        self.sentence = sentence
