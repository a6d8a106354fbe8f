"""The exercises themselves, by section. Never in reach of a learner's code while it is graded.

QUESTIONS are judged by what an answer does, PROSE by people.
"""

from .access import q1, q2, q3
from .custom import q6, q7
from .initialization import q4, q5
from .prose import q14
from .sharing import q8, q9, q10, q11
from .training import q12, q13

QUESTIONS = (q1, q2, q3, q4, q5, q6, q7, q8, q9, q10, q11, q12, q13)
PROSE = (q14,)
