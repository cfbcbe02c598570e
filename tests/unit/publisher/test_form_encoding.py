from urllib.parse import parse_qs, quote, urlencode

import pytest

from publisher.form_encoding import encode_body_once, form_encoded


@pytest.mark.parametrize(
    "value",
    ["", "plain-._~", "a b+c&d=e", '{"a":"%41\\u00e9","b":[1,2]}', "é", "\x00\x1f\x7f", "%25%%"],
)
def test_the_encoding_is_that_of_the_standard_library(value):
    fields = {"Action": "PublishBatch", "E.member.1.Message": value}
    assert form_encoded(fields) == urlencode(fields, quote_via=quote).encode()
    read_back = parse_qs(form_encoded(fields).decode(), keep_blank_values=True)
    assert read_back == {key: [text] for key, text in fields.items()}


def test_a_body_that_is_encoded_already_stays_as_it_is():
    params = {"body": b"Action=PublishBatch"}
    encode_body_once(params, model=None)
    assert params == {"body": b"Action=PublishBatch"}
    params = {"body": {"Action": "Publish Batch"}}
    encode_body_once(params)
    assert params == {"body": b"Action=Publish%20Batch"}
