{{ config(enabled=var('comms_views') == 'models') }}

-- One row per age at which figures are compared, in hours since the request.
-- Generated from sql/intermediate/int_ages.sql: do not edit.
WITH ages AS (
  SELECT
    1 AS step,
    CAST(0.25 AS DOUBLE PRECISION) AS age_hours,
    FALSE AS is_daily
  UNION ALL
  SELECT
    2 AS step,
    CAST(1 AS DOUBLE PRECISION) AS age_hours,
    TRUE AS is_daily
  UNION ALL
  SELECT
    3 AS step,
    CAST(3 AS DOUBLE PRECISION) AS age_hours,
    FALSE AS is_daily
  UNION ALL
  SELECT
    4 AS step,
    CAST(6 AS DOUBLE PRECISION) AS age_hours,
    TRUE AS is_daily
  UNION ALL
  SELECT
    5 AS step,
    CAST(12 AS DOUBLE PRECISION) AS age_hours,
    FALSE AS is_daily
  UNION ALL
  SELECT
    6 AS step,
    CAST(24 AS DOUBLE PRECISION) AS age_hours,
    TRUE AS is_daily
  UNION ALL
  SELECT
    7 AS step,
    CAST(48 AS DOUBLE PRECISION) AS age_hours,
    FALSE AS is_daily
  UNION ALL
  SELECT
    8 AS step,
    CAST(72 AS DOUBLE PRECISION) AS age_hours,
    TRUE AS is_daily
  UNION ALL
  SELECT
    9 AS step,
    CAST(96 AS DOUBLE PRECISION) AS age_hours,
    FALSE AS is_daily
  UNION ALL
  SELECT
    10 AS step,
    CAST(120 AS DOUBLE PRECISION) AS age_hours,
    FALSE AS is_daily
  UNION ALL
  SELECT
    11 AS step,
    CAST(144 AS DOUBLE PRECISION) AS age_hours,
    FALSE AS is_daily
  UNION ALL
  SELECT
    12 AS step,
    CAST(168 AS DOUBLE PRECISION) AS age_hours,
    TRUE AS is_daily
)
SELECT
  step,
  age_hours,
  is_daily
FROM ages
