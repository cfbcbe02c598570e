"""The how-to's reader is code that runs."""

import re
from pathlib import Path

from customer_events.encoder import to_document
from unit.event_consumer.consumer_samples import live

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "add-an-event-type.md"


def test_the_reader_on_the_page_reads_its_event():
    text = PAGE.read_text(encoding="utf-8")
    [code] = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    names = {}
    exec(compile(code, PAGE.name, "exec"), names)
    document = to_document(live(1)) | {"type": "novapay.accounts.CustomerEmailChanged.v1"}
    assert names["from_document"](document).customer_id == "c-1"
