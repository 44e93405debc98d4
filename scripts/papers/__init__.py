"""The pages of the papers that are implemented, and what these papers say."""
