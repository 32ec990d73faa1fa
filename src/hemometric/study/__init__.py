"""STEP study: objectives compared over label budgets, seeds and targets, with paired intervals, in one command."""

from hemometric.study.settings import StudySettings, load_study
from hemometric.study.step import run_study

__all__ = ["StudySettings", "load_study", "run_study"]
