"""Training: pretraining without labels, fine-tuning with few, and the run directories that they write."""

from hemometric.training.contract import ModelContract, TargetContract, prepare, read_contract, why_unreadable
from hemometric.training.finetune import finetune
from hemometric.training.pretrain import pretrain
from hemometric.training.runs import Heads, Run

__all__ = [
    "Heads",
    "ModelContract",
    "Run",
    "TargetContract",
    "finetune",
    "prepare",
    "pretrain",
    "read_contract",
    "why_unreadable",
]
