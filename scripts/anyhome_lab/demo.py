"""Runs the story that fits a lab, in a lab that is not up yet; the exit code tells success."""
import subprocess
import sys

from .shell import LabError
from .story_one_pop import OnePop
from .story_three_pops import ThreePops


def main(lab):
    story = (OnePop if lab.shape.count == 1 else ThreePops)(lab)
    try:
        lab.up()
        return story.run()
    except (LabError, subprocess.TimeoutExpired) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    finally:
        lab.down()
