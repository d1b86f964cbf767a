{{ config(enabled=var('comms_views') == 'models') }}

-- One row per account, channel, period and number of days ago: the sends of that period, as known then.
-- The day is the 24 hours that ended three hours before the latest reading of the channel: younger
-- operations have hardly any outcome yet. The week is the seven whole days before the day of that
-- reading. The other rows are the same periods whole days earlier, as they were known then, so that all
-- have the same ages and can be compared.
-- Generated from sql/intermediate/int_snapshots.sql: do not edit.
WITH periods AS (
  SELECT
    'day' AS period,
    1 AS period_order,
    0 AS days_ago
  UNION ALL
  SELECT
    'day' AS period,
    1 AS period_order,
    1 AS days_ago
  UNION ALL
  SELECT
    'day' AS period,
    1 AS period_order,
    2 AS days_ago
  UNION ALL
  SELECT
    'day' AS period,
    1 AS period_order,
    3 AS days_ago
  UNION ALL
  SELECT
    'day' AS period,
    1 AS period_order,
    4 AS days_ago
  UNION ALL
  SELECT
    'day' AS period,
    1 AS period_order,
    5 AS days_ago
  UNION ALL
  SELECT
    'day' AS period,
    1 AS period_order,
    6 AS days_ago
  UNION ALL
  SELECT
    'day' AS period,
    1 AS period_order,
    7 AS days_ago
  UNION ALL
  SELECT
    'week' AS period,
    2 AS period_order,
    0 AS days_ago
  UNION ALL
  SELECT
    'week' AS period,
    2 AS period_order,
    7 AS days_ago
), last_reads AS (
  SELECT
    account,
    channel,
    MAX(read_at) AS read_at
  FROM {{ source("comms", "coverage") }} AS coverage
  GROUP BY
    account,
    channel
), as_ofs AS (
  SELECT
    stg_operation_rows.account,
    stg_operation_rows.channel,
    stg_operation_rows.channel_order,
    COALESCE(MAX(last_reads.read_at), MAX(stg_operation_rows.synced_at)) AS as_of
  FROM {{ ref("comms_source", "stg_operation_rows") }} AS stg_operation_rows
  LEFT JOIN last_reads
    ON stg_operation_rows.account = last_reads.account
    AND stg_operation_rows.channel = last_reads.channel
  WHERE
    stg_operation_rows.is_current
  GROUP BY
    1,
    2,
    3
), known AS (
  SELECT
    as_ofs.*,
    periods.*,
    DATE_PART('epoch', as_of) - 86400 * days_ago AS known_seconds,
    CAST((
      CAST(as_of AT TIME ZONE '{{ comms_source.time_zone() }}' AS DATE)
    ) AS TIMESTAMP) AS today
  FROM as_ofs
  CROSS JOIN periods
), snapshots AS (
  SELECT
    *,
    CASE
      WHEN period = 'day'
      THEN known_seconds - 97200
      WHEN days_ago = 0
      THEN (
        DATE_PART(
          'epoch',
          (
            (
              today - INTERVAL '7 DAY'
            ) AT TIME ZONE '{{ comms_source.time_zone() }}'
          )
        )
      )
      ELSE (
        DATE_PART(
          'epoch',
          (
            (
              today - INTERVAL '14 DAY'
            ) AT TIME ZONE '{{ comms_source.time_zone() }}'
          )
        )
      )
    END AS start_seconds,
    CASE
      WHEN period = 'day'
      THEN known_seconds - 10800
      WHEN days_ago = 0
      THEN (
        DATE_PART('epoch', (
          today AT TIME ZONE '{{ comms_source.time_zone() }}'
        ))
      )
      ELSE (
        DATE_PART(
          'epoch',
          (
            (
              today - INTERVAL '7 DAY'
            ) AT TIME ZONE '{{ comms_source.time_zone() }}'
          )
        )
      )
    END AS end_seconds
  FROM known
), states AS (
  SELECT
    *,
    DATE_PART('epoch', created_at) AS created_seconds,
    DATE_PART('epoch', valid_from) AS from_seconds,
    DATE_PART('epoch', valid_to) AS to_seconds,
    COALESCE(2 * unaddressable > recipients, FALSE) AS is_mostly_unaddressable
  FROM {{ ref("comms_source", "int_outcomes") }} AS int_outcomes
  WHERE
    NOT is_current
    AND created_at >= (
      SELECT
        MIN(as_of) - INTERVAL '384 HOUR'
      FROM as_ofs
    )
), sums AS (
  SELECT
    snapshots.account,
    snapshots.channel,
    snapshots.period,
    snapshots.days_ago,
    COUNT(*) AS operations,
    (
      CAST(SUM(CASE WHEN is_counted THEN states.requested END) AS BIGINT)
    ) AS requested,
    (
      CAST(SUM(CASE WHEN is_counted THEN states.attempted END) AS BIGINT)
    ) AS attempted,
    (
      CAST(SUM(CASE WHEN is_counted THEN states.delivered_low END) AS BIGINT)
    ) AS delivered_low,
    (
      CAST(SUM(CASE WHEN is_counted THEN states.delivered_high END) AS BIGINT)
    ) AS delivered_high,
    (
      CAST(SUM(CASE WHEN is_counted THEN states.outstanding_low END) AS BIGINT)
    ) AS outstanding_low,
    (
      CAST(SUM(CASE WHEN is_counted THEN states.outstanding_high END) AS BIGINT)
    ) AS outstanding_high,
    (
      CAST(SUM(CASE WHEN is_counted THEN states.undelivered END) AS BIGINT)
    ) AS undelivered,
    (
      CAST(SUM(CASE WHEN is_counted THEN states.failed END) AS BIGINT)
    ) AS failed,
    (
      CAST(SUM(CASE WHEN is_counted THEN states.engaged END) AS BIGINT)
    ) AS engaged,
    (
      CAST(SUM(CASE WHEN is_counted THEN states.accepted END) AS BIGINT)
    ) AS accepted,
    (
      CAST(SUM(CASE WHEN is_counted THEN states.offered END) AS BIGINT)
    ) AS offered,
    (
      CAST(SUM(CASE WHEN is_counted THEN states.recipients END) AS BIGINT)
    ) AS recipients,
    (
      CAST(SUM(CASE WHEN is_counted THEN states.unaddressable END) AS BIGINT)
    ) AS unaddressable,
    MAX(states.attempted - states.delivered_high) AS largest_shortfall,
    MAX(states.outstanding_low) AS largest_outstanding,
    MAX(CASE WHEN is_counted THEN states.undelivered END) AS largest_undelivered,
    MAX(CASE WHEN is_counted THEN states.failed END) AS largest_failed,
    COALESCE(
      (
        CAST(SUM(
          CASE
            WHEN is_counted
            THEN (
              CASE WHEN is_mostly_unaddressable THEN unaddressable END
            )
          END
        ) AS BIGINT)
      ),
      0
    ) + COALESCE(
      MAX(CASE WHEN is_counted AND NOT is_mostly_unaddressable THEN unaddressable END),
      0
    ) AS largest_unaddressable
  FROM snapshots
  INNER JOIN states
    ON snapshots.account = states.account
    AND snapshots.channel = states.channel
    AND states.created_seconds >= snapshots.start_seconds
    AND states.created_seconds < snapshots.end_seconds
    AND states.from_seconds <= snapshots.known_seconds + 900
    AND COALESCE(states.to_seconds > snapshots.known_seconds + 900, TRUE)
  GROUP BY
    1,
    2,
    3,
    4
), covered AS (
  SELECT
    snapshots.account,
    snapshots.channel,
    snapshots.period,
    snapshots.days_ago,
    SUM(
      (
        CASE
          WHEN (
            CASE
              WHEN snapshots.end_seconds <= int_covered_spans.end_seconds
              THEN snapshots.end_seconds
              WHEN snapshots.end_seconds > int_covered_spans.end_seconds
              THEN int_covered_spans.end_seconds
            END
          ) > (
            CASE
              WHEN snapshots.start_seconds >= int_covered_spans.start_seconds
              THEN snapshots.start_seconds
              WHEN snapshots.start_seconds < int_covered_spans.start_seconds
              THEN int_covered_spans.start_seconds
            END
          )
          THEN (
            CASE
              WHEN snapshots.end_seconds <= int_covered_spans.end_seconds
              THEN snapshots.end_seconds
              WHEN snapshots.end_seconds > int_covered_spans.end_seconds
              THEN int_covered_spans.end_seconds
            END
          ) - (
            CASE
              WHEN snapshots.start_seconds >= int_covered_spans.start_seconds
              THEN snapshots.start_seconds
              WHEN snapshots.start_seconds < int_covered_spans.start_seconds
              THEN int_covered_spans.start_seconds
            END
          )
          ELSE 0
        END
      )
    ) AS covered_seconds
  FROM snapshots
  INNER JOIN {{ ref("comms_source", "int_covered_spans") }} AS int_covered_spans
    ON snapshots.account = int_covered_spans.account
    AND snapshots.channel = int_covered_spans.channel
  GROUP BY
    1,
    2,
    3,
    4
), figures AS (
  SELECT
    snapshots.*,
    COALESCE(sums.operations, 0) AS operations,
    sums.requested,
    sums.attempted,
    sums.delivered_low,
    sums.delivered_high,
    sums.outstanding_low,
    sums.outstanding_high,
    sums.undelivered,
    sums.failed,
    sums.engaged,
    sums.accepted,
    sums.offered,
    sums.recipients,
    sums.unaddressable,
    sums.largest_shortfall,
    sums.largest_outstanding,
    sums.largest_undelivered,
    sums.largest_failed,
    sums.largest_unaddressable
  FROM snapshots
  LEFT JOIN sums
    ON snapshots.account = sums.account
    AND snapshots.channel = sums.channel
    AND snapshots.period = sums.period
    AND snapshots.days_ago = sums.days_ago
)
SELECT
  figures.*,
  (
    CASE
      WHEN (
        figures.end_seconds - figures.start_seconds
      ) <= 0
      THEN NULL
      WHEN COALESCE(covered.covered_seconds, 0) > (
        figures.end_seconds - figures.start_seconds
      )
      THEN 1.0
      ELSE CAST(COALESCE(covered.covered_seconds, 0) AS DOUBLE PRECISION) / (
        figures.end_seconds - figures.start_seconds
      )
    END
  ) AS covered_share
FROM figures
LEFT JOIN covered
  ON figures.account = covered.account
  AND figures.channel = covered.channel
  AND figures.period = covered.period
  AND figures.days_ago = covered.days_ago
