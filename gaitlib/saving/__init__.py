"""Objects to JSON and arrays and back, without pickle; and objects to plain specs for hashing."""

from gaitlib.saving.names import learnt, nameable, public_path
from gaitlib.saving.specs import digest, spec
from gaitlib.saving.state import check_can_be_saved, load_state, save_state

__all__ = ["check_can_be_saved", "digest", "learnt", "load_state", "nameable", "public_path", "save_state", "spec"]
