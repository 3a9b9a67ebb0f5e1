"""Catalog of the codes that the tools print, one file per code."""

from .entry import Advice as Advice
from .entry import Defect as Defect
from .entry import Entry as Entry
from .index import CATALOGUE as CATALOGUE
from .index import NAMES as NAMES
from .index import LegacyName as LegacyName
from .index import advice_of as advice_of
from .index import find as find
from .index import nearest as nearest
