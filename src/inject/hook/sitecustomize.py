"""Found by PYTHONPATH when a service's Python starts: runs the sitecustomize that it hides, then debugtap's hook.

Rules
- Every Python can read it, 2.7 too; where the hook cannot run, the hidden sitecustomize still does.
- `import sitecustomize` gives the hidden one's contents, and what that one raises is raised, as without debugtap.
- The hook itself raises nothing and prints nothing.
"""

import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))


def _run_hidden():
    elsewhere = [path for path in sys.path if os.path.abspath(path or ".") != _here]
    try:
        from importlib.machinery import PathFinder
        from importlib.util import module_from_spec
    except ImportError:  # 2.7
        import imp

        try:
            found = imp.find_module("sitecustomize", elsewhere)
        except ImportError:
            return
        imp.load_module("sitecustomize", *found)
        return
    spec = PathFinder.find_spec("sitecustomize", elsewhere)
    if spec is None or spec.loader is None:
        return
    hidden = module_from_spec(spec)
    sys.modules["sitecustomize"] = hidden
    spec.loader.exec_module(hidden)


def _run_hook():
    if sys.version_info < (3, 6) or not os.environ.get("DEBUGTAP_HOOK"):
        return
    try:
        import debugtap_hook

        debugtap_hook.run()
    except Exception:
        pass  # no place to tell it: the hook's own are told in its state


# Run even if the hidden one fails, which is site's to tell. The hook is looked up first: sys.modules may change hands in between.
try:
    _run_hidden()
finally:
    _run_hook()
