"""Documents made of kept documents."""
