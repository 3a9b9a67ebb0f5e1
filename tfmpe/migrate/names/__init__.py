"""What the names of scripts stand for, followed from file to file.

`reach.Reach` reads the files of a project, `module_names.ModuleNames` says
all that an expression may stand for, and `imported` what a name must stand
for.
"""
