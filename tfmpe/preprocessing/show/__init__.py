"""Display of tokens as text, HTML, pictures and xarray datasets."""
