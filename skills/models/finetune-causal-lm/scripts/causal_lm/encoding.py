"""Records as token ids: prompt and answer, trimmed to the length that a model can take."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causal_lm.errors import DataError
from causal_lm.records import Record
from causal_lm.spec import PLACE, PromptSpec

Ids = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """`ids` are the prompt's, then the answer's with its end token."""

    ids: Ids
    prompt_length: int
    record: Record

    @property
    def targets(self) -> int:
        """Answer tokens that are predicted from something: all but one that nothing precedes."""
        return len(self.ids) - max(1, self.prompt_length)

    @property
    def prompt(self) -> Ids:
        return self.ids[: self.prompt_length]


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """`shortened` prompts lost their beginning; `left_out` rows did not fit at all."""

    examples: list[Example]
    shortened: int
    left_out: int

    def account(self, of_what: str) -> str:
        total = len(self.examples) + self.left_out
        text = f"{len(self.examples)} of {total} {of_what} rows, {sum(len(e.ids) for e in self.examples)} tokens"
        if self.shortened:
            text += f"; {self.shortened} prompts lost their beginning to dataset.max_length"
        return text + (f"; {self.left_out} rows are longer than dataset.max_length and left out" * bool(self.left_out))


class Encoder:
    """A tokenizer with the way a training forms its prompts.

    Prompt and answer are tokenized apart, as they are when the model is used: a prompt then has the same tokens
    whatever follows it.
    """

    def __init__(self, tokenizer: Any, prompts: PromptSpec, max_length: int) -> None:
        self.tokenizer, self.prompts, self.max_length = tokenizer, prompts, max_length
        self.end: int | None = tokenizer.eos_token_id
        self.start: int | None = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else self.end

    @property
    def padding(self) -> int:
        """Any id will do: padding is masked."""
        found = self.tokenizer.pad_token_id
        return int(found if found is not None else self.end or 0)

    def encode(self, records: Sequence[Record], file: str | None) -> Encoded:
        """Raises DataError if no row is left."""
        prompts = self.encode_prompts(records)
        answers = self._encode_answers(records)
        examples, shortened = [], 0
        for record, prompt, answer in zip(records, prompts, answers, strict=True):
            kept = self._trim(prompt, answer)
            if kept is None:
                continue
            shortened += len(kept) < len(prompt)
            example = Example(ids=np.array(kept + answer, np.int32), prompt_length=len(kept), record=record)
            if example.targets > 0:
                examples.append(example)
        if not examples:
            raise DataError(
                f"{file}: no row fits into {self.max_length} tokens", "raise dataset.max_length, or shorten the answers"
            )
        return Encoded(examples=examples, shortened=shortened, left_out=len(records) - len(examples))

    def encode_prompts(self, records: Sequence[Record]) -> list[list[int]]:
        chat = self.prompts.chat_template
        texts = [self._chat(record, with_answer=False) if chat else self._fill_in(record) for record in records]
        found = self._tokenize(texts, special=not chat)
        if not chat:  # some tokenizers close every text, which an answer is to follow here
            found = [ids[:-1] if len(ids) > 1 and ids[-1] == self.end else ids for ids in found]
        return [ids or ([self.start] if self.start is not None else []) for ids in found]

    def cut_prompt(self, prompt: list[int], room: int) -> list[int]:
        """Its end, which is nearest to the answer, behind the start token if it had one."""
        if len(prompt) <= room:
            return prompt
        keep_first = room > 1 and prompt[0] == self.start
        return [prompt[0], *prompt[len(prompt) - room + 1 :]] if keep_first else prompt[len(prompt) - room :]

    def decode(self, ids: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return text.strip()

    def _encode_answers(self, records: Sequence[Record]) -> list[list[int]]:
        if self.prompts.chat_template:
            return self._tokenize([self._chat_answer(record) for record in records], special=False)
        end = [] if self.end is None else [self.end]
        return [ids + end for ids in self._tokenize([record.answer for record in records], special=False)]

    def _trim(self, prompt: list[int], answer: list[int]) -> list[int] | None:
        """What is left of the prompt; None if the row must be left out."""
        room = self.max_length - len(answer)
        if len(prompt) <= room:
            return prompt
        if self.prompts.truncation == "drop" or room < 1:
            return None
        return self.cut_prompt(prompt, room)

    def _tokenize(self, texts: list[str], *, special: bool) -> list[list[int]]:
        found: list[list[int]] = self.tokenizer(texts, add_special_tokens=special, verbose=False)["input_ids"]
        return found

    def _fill_in(self, record: Record) -> str:
        return self.prompts.prompt_template.replace(PLACE, record.prompt)

    def _chat_answer(self, record: Record) -> str:
        """What the template writes for the answer, without what it writes behind the end token."""
        asked, whole = self._chat(record, with_answer=False), self._chat(record, with_answer=True)
        if not whole.startswith(asked):
            raise DataError(
                f"line {record.line}: the chat template writes the prompt differently once an answer follows",
                "set dataset.chat_template: false and write the format into dataset.prompt_template",
            )
        text = whole[len(asked) :]
        end = self.tokenizer.eos_token
        return text[: text.rfind(end) + len(end)] if end and end in text else text

    def _chat(self, record: Record, *, with_answer: bool) -> str:
        from jinja2 import TemplateError

        system = [{"role": "system", "content": self.prompts.system_prompt}] if self.prompts.system_prompt else []
        messages = [*system, {"role": "user", "content": self._fill_in(record)}]
        if with_answer:
            messages.append({"role": "assistant", "content": record.answer})
        try:
            text: str = self.tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=not with_answer
            )
        except TemplateError as error:
            raise DataError(f"line {record.line}: the chat template refuses the row: {error}") from None
        return text


def common_end(examples: Iterable[Example]) -> int | None:
    """The token that every answer ends with, if there is one: where to stop generating."""
    ends = {int(example.ids[-1]) for example in examples}
    return ends.pop() if len(ends) == 1 else None


def largest_id(examples: Iterable[Example]) -> int:
    return max(int(example.ids.max()) for example in examples)


def fingerprint(*parts: Iterable[Example]) -> str:
    """Of the tokens, and so of the data, the split, the tokenizer and the prompt format at once."""
    digest = hashlib.blake2b(digest_size=16)
    for number, examples in enumerate(parts):
        for example in examples:
            digest.update(f"{number} {example.prompt_length} {len(example.ids)}\0".encode())
            digest.update(example.ids.tobytes())
    return digest.hexdigest()
