"""How pictures are found without a model: the language of the box, filters, full text, rankings, completions."""
