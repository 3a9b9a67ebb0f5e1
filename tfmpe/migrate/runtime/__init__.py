"""Legacy scripts as they are: run on the bridge, run beside it, recorded.

``tfmpe run`` gives a script the bridge where it asks for the legacy package;
``tfmpe run --shadow`` leaves it the legacy package and makes every call on the
bridge as well; ``tfmpe record`` writes down what the legacy package returned.
"""
