"""Where sealed objects are kept; one behavioural test suite runs over every backend."""
