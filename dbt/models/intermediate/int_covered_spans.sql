{{ config(enabled=var('comms_views') == 'models') }}

-- One row per account, channel and range of creation time that was read completely.
-- Adjoining windows are one range. A window that was read before it closed is covered up to that
-- reading. Times are seconds since 1970.
-- Generated from sql/intermediate/int_covered_spans.sql: do not edit.
WITH windows AS (
  SELECT
    account,
    channel,
    DATE_PART('epoch', window_start) AS start_seconds,
    CASE
      WHEN is_complete
      THEN DATE_PART('epoch', window_end)
      WHEN DATE_PART('epoch', read_at) < DATE_PART('epoch', window_end) + 60
      THEN (
        CASE
          WHEN DATE_PART('epoch', read_at) <= DATE_PART('epoch', window_end)
          THEN DATE_PART('epoch', read_at)
          WHEN DATE_PART('epoch', read_at) > DATE_PART('epoch', window_end)
          THEN DATE_PART('epoch', window_end)
        END
      )
    END AS end_seconds
  FROM {{ source("comms", "coverage") }} AS coverage
), in_order AS (
  SELECT
    *,
    MAX(end_seconds) OVER (
      PARTITION BY account, channel
      ORDER BY start_seconds
      rows BETWEEN UNBOUNDED preceding AND 1 preceding
    ) AS covered_before
  FROM windows
  WHERE
    end_seconds > start_seconds
), numbered AS (
  SELECT
    *,
    SUM(
      (
        CASE
          WHEN (
            covered_before IS NULL OR start_seconds > covered_before
          )
          THEN 1
          ELSE 0
        END
      )
    ) OVER (
      PARTITION BY account, channel
      ORDER BY start_seconds
      rows BETWEEN UNBOUNDED preceding AND CURRENT ROW
    ) AS span
  FROM in_order
)
SELECT
  account,
  channel,
  MIN(start_seconds) AS start_seconds,
  MAX(end_seconds) AS end_seconds
FROM numbered
GROUP BY
  account,
  channel,
  span
