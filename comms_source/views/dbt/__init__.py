"""The generated files of the dbt package in `dbt/`: sources, models and descriptions.

They are made from the registry of tables, the dictionaries of columns, and the files in `sql/`:

    python -m comms_source.views.dbt
"""
