"""Claims of others stand with their protocol."""

import pytest

from gaitlib.studies import published


@pytest.mark.parametrize("data", [published.AZURE, published.KINECT])
def test_every_claim_names_source_model_and_protocol(data):
    table = published.claims(data)
    assert len(table) >= 3
    assert table.columns.tolist() == ["source", "model", "protocol", "accuracy"]
    assert table["accuracy"].between(0.5, 1).all()
    assert (table[["source", "model", "protocol"]].map(len) > 2).all(axis=None)
    assert not table.duplicated().any()
