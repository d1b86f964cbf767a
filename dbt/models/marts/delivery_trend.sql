{{ config(enabled=var('comms_views') == 'models') }}

-- One row per account, channel, period and measure: the last day and week, compared with seven days before.
-- Like with like: both periods have the same ages, as they were known then. A change or growth is NULL
-- unless both periods were read completely. Needs the history.
-- Generated from sql/marts/delivery_trend.sql: do not edit.
WITH measures AS (
  SELECT
    1 AS measure_order,
    'requested' AS measure
  UNION ALL
  SELECT
    2 AS measure_order,
    'delivery_rate' AS measure
  UNION ALL
  SELECT
    3 AS measure_order,
    'without_outcome_rate' AS measure
  UNION ALL
  SELECT
    4 AS measure_order,
    'undelivered_rate' AS measure
  UNION ALL
  SELECT
    5 AS measure_order,
    'failed_rate' AS measure
  UNION ALL
  SELECT
    6 AS measure_order,
    'engagement_rate' AS measure
  UNION ALL
  SELECT
    7 AS measure_order,
    'acceptance_rate' AS measure
  UNION ALL
  SELECT
    8 AS measure_order,
    'unaddressable_rate' AS measure
), measured AS (
  SELECT
    int_snapshots.account,
    int_snapshots.channel,
    int_snapshots.channel_order,
    int_snapshots.period,
    int_snapshots.period_order,
    int_snapshots.days_ago,
    int_snapshots.today,
    int_snapshots.as_of,
    int_snapshots.covered_share,
    int_snapshots.operations,
    measures.measure,
    measures.measure_order,
    CASE measures.measure_order
      WHEN 1
      THEN requested
      WHEN 2
      THEN delivered_low
      WHEN 3
      THEN outstanding_low
      WHEN 4
      THEN undelivered
      WHEN 5
      THEN failed
      WHEN 6
      THEN engaged
      WHEN 7
      THEN accepted
      WHEN 8
      THEN unaddressable
    END AS numerator_low,
    CASE measures.measure_order
      WHEN 1
      THEN requested
      WHEN 2
      THEN delivered_high
      WHEN 3
      THEN outstanding_high
      WHEN 4
      THEN undelivered
      WHEN 5
      THEN failed
      WHEN 6
      THEN engaged
      WHEN 7
      THEN accepted
      WHEN 8
      THEN unaddressable
    END AS numerator_high,
    CASE measures.measure_order
      WHEN 2
      THEN attempted
      WHEN 3
      THEN attempted
      WHEN 4
      THEN attempted
      WHEN 5
      THEN attempted
      WHEN 6
      THEN delivered_low
      WHEN 7
      THEN offered
      WHEN 8
      THEN recipients
    END AS denominator_low,
    CASE measures.measure_order
      WHEN 2
      THEN attempted
      WHEN 3
      THEN attempted
      WHEN 4
      THEN attempted
      WHEN 5
      THEN attempted
      WHEN 6
      THEN delivered_high
      WHEN 7
      THEN offered
      WHEN 8
      THEN recipients
    END AS denominator_high,
    CASE measures.measure_order
      WHEN 2
      THEN largest_shortfall
      WHEN 3
      THEN largest_outstanding
      WHEN 4
      THEN largest_undelivered
      WHEN 5
      THEN largest_failed
      WHEN 7
      THEN largest_failed
      WHEN 8
      THEN largest_unaddressable
    END AS largest_part
  FROM {{ ref("comms_source", "int_snapshots") }} AS int_snapshots
  CROSS JOIN measures
), valued AS (
  SELECT
    *,
    CASE
      WHEN measure = 'requested'
      THEN CAST(numerator_low AS DOUBLE PRECISION)
      ELSE (
        CASE
          WHEN denominator_high <= 0
          THEN NULL
          WHEN numerator_low > denominator_high
          THEN 1.0
          ELSE CAST(numerator_low AS DOUBLE PRECISION) / denominator_high
        END
      )
    END AS value_low,
    CASE
      WHEN measure = 'requested'
      THEN CAST(numerator_high AS DOUBLE PRECISION)
      ELSE (
        CASE
          WHEN denominator_low <= 0
          THEN NULL
          WHEN numerator_high > denominator_low
          THEN 1.0
          ELSE CAST(numerator_high AS DOUBLE PRECISION) / denominator_low
        END
      )
    END AS value_high,
    CASE
      WHEN measure IN ('delivery_rate', 'acceptance_rate')
      THEN (
        CASE
          WHEN denominator_low <= 0
          THEN NULL
          WHEN (
            numerator_high + COALESCE(largest_part, 0)
          ) > denominator_low
          THEN 1.0
          ELSE CAST((
            numerator_high + COALESCE(largest_part, 0)
          ) AS DOUBLE PRECISION) / denominator_low
        END
      )
      WHEN measure <> 'requested'
      THEN (
        CASE
          WHEN denominator_high <= 0
          THEN NULL
          WHEN (
            numerator_low - COALESCE(largest_part, 0)
          ) > denominator_high
          THEN 1.0
          ELSE CAST((
            numerator_low - COALESCE(largest_part, 0)
          ) AS DOUBLE PRECISION) / denominator_high
        END
      )
    END AS value_but_largest
  FROM measured
), days_before AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY account, channel, measure ORDER BY value_low) AS low_place,
    ROW_NUMBER() OVER (PARTITION BY account, channel, measure ORDER BY value_high) AS high_place,
    ROW_NUMBER() OVER (PARTITION BY account, channel, measure ORDER BY value_but_largest) AS but_largest_place,
    COUNT(*) OVER (PARTITION BY account, channel, measure) AS days
  FROM valued
  WHERE
    period = 'day'
    AND days_ago > 0
    AND covered_share >= 0.99
    AND COALESCE(denominator_low, numerator_low) >= {{ comms_source.alert_volume() }}
    AND NOT value_low IS NULL
), usual AS (
  SELECT
    account,
    channel,
    measure,
    MIN(
      CASE
        WHEN low_place > FLOOR(CAST((
          days - 1
        ) AS DOUBLE PRECISION) / 3)
        THEN value_low
      END
    ) AS usual_low,
    MAX(
      CASE
        WHEN high_place <= days - FLOOR(CAST((
          days - 1
        ) AS DOUBLE PRECISION) / 3)
        THEN value_high
      END
    ) AS usual_high,
    MIN(
      CASE
        WHEN but_largest_place > FLOOR(CAST((
          days - 1
        ) AS DOUBLE PRECISION) / 3)
        THEN value_but_largest
      END
    ) AS usual_but_largest_low,
    MAX(
      CASE
        WHEN but_largest_place <= days - FLOOR(CAST((
          days - 1
        ) AS DOUBLE PRECISION) / 3)
        THEN value_but_largest
      END
    ) AS usual_but_largest_high,
    COUNT(*) AS usual_days
  FROM days_before
  GROUP BY
    account,
    channel,
    measure
), compared AS (
  SELECT
    current_period.*,
    previous.operations AS previous_operations,
    previous.numerator_low AS previous_numerator_low,
    previous.numerator_high AS previous_numerator_high,
    previous.denominator_low AS previous_denominator_low,
    previous.denominator_high AS previous_denominator_high,
    previous.value_low AS previous_value_low,
    previous.value_high AS previous_value_high,
    previous.covered_share AS previous_covered_share
  FROM valued AS current_period
  INNER JOIN valued AS previous
    ON current_period.account = previous.account
    AND current_period.channel = previous.channel
    AND current_period.period = previous.period
    AND current_period.measure = previous.measure
    AND previous.days_ago = 7
  WHERE
    current_period.days_ago = 0
), points AS (
  SELECT
    compared.*,
    (
      CASE WHEN compared.value_low = compared.value_high THEN compared.value_low END
    ) AS value,
    (
      CASE
        WHEN compared.previous_value_low = compared.previous_value_high
        THEN compared.previous_value_low
      END
    ) AS previous_value,
    covered_share >= 0.99 AND previous_covered_share >= 0.99 AS is_comparable,
    usual.usual_low,
    usual.usual_high,
    usual.usual_but_largest_low,
    usual.usual_but_largest_high,
    usual.usual_days
  FROM compared
  LEFT JOIN usual
    ON compared.account = usual.account
    AND compared.channel = usual.channel
    AND compared.measure = usual.measure
    AND compared.period = 'day'
  WHERE
    NOT compared.value_low IS NULL OR NOT compared.previous_value_low IS NULL
)
SELECT
  account,
  channel,
  channel_order,
  period,
  period_order,
  as_of,
  CASE
    WHEN period = 'week'
    THEN CAST(today - INTERVAL '7 DAY' AS DATE)
    ELSE (
      CAST((
        as_of - INTERVAL '27 HOUR'
      ) AT TIME ZONE '{{ comms_source.time_zone() }}' AS DATE)
    )
  END AS first_day,
  CASE
    WHEN period = 'week'
    THEN CAST(today - INTERVAL '1 DAY' AS DATE)
    ELSE (
      CAST((
        as_of - INTERVAL '3 HOUR'
      ) AT TIME ZONE '{{ comms_source.time_zone() }}' AS DATE)
    )
  END AS last_day,
  measure,
  measure_order,
  operations,
  numerator_low,
  numerator_high,
  denominator_low,
  denominator_high,
  value,
  value_low,
  value_high,
  covered_share,
  previous_operations,
  previous_numerator_low,
  previous_numerator_high,
  previous_denominator_low,
  previous_denominator_high,
  previous_value,
  previous_value_low,
  previous_value_high,
  previous_covered_share,
  CASE WHEN is_comparable AND measure <> 'requested' THEN value - previous_value END AS change,
  CASE
    WHEN is_comparable AND measure = 'requested'
    THEN CAST(value AS DOUBLE PRECISION) / NULLIF(previous_value, 0) - 1
  END AS growth,
  usual_low,
  usual_high,
  COALESCE(usual_days, 0) AS usual_days,
  value_but_largest,
  usual_but_largest_low,
  usual_but_largest_high
FROM points
