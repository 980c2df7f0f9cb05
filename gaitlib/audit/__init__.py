"""Whether anything of the tested walks or people could have reached what was learnt."""

from gaitlib.audit.copies import near_copies, shared_content
from gaitlib.audit.receipt import Finding, Receipt

__all__ = [
    "Finding",
    "Receipt",
    "near_copies",
    "shared_content",
]
