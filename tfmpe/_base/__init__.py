"""What every layer needs: errors, arrays, trees, files written whole."""
