"""What is wrong with a machine on which hexzctl shall run, and what to do about it."""

from hexz.doctor.examination import Places, examine, looks
from hexz.doctor.finding import Finding
from hexz.doctor.report import report

__all__ = ["Finding", "Places", "examine", "looks", "report"]
