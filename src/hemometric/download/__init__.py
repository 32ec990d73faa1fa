"""Fetch the open archives: resumed where it was interrupted, every file checked against the publisher's hashes."""

from hemometric.download.projects import BASE_URL, PROJECTS, Project
from hemometric.download.step import DownloadSummary, download

__all__ = ["BASE_URL", "PROJECTS", "DownloadSummary", "Project", "download"]
