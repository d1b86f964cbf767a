{{ config(enabled=var('comms_views') == 'models') }}

-- One row per account, channel and hour of creation, with what was requested in it.
-- Hours are those of the wall clock in the reporting time zone. Where it is set back, the hour that
-- occurs twice is one row.
-- Generated from sql/marts/hourly_volume.sql: do not edit.
WITH local_hours AS (
  SELECT
    account,
    channel,
    channel_order,
    DATE_TRUNC('HOUR', (
      created_at AT TIME ZONE '{{ comms_source.time_zone() }}'
    )) AS hour,
    COUNT(*) AS operations,
    (
      CAST(SUM(requested) AS BIGINT)
    ) AS requested,
    (
      CAST(SUM(recipients) AS BIGINT)
    ) AS recipients
  FROM {{ ref("comms_source", "stg_operation_rows") }} AS stg_operation_rows
  WHERE
    is_current
  GROUP BY
    1,
    2,
    3,
    4
), bounds AS (
  SELECT
    *,
    (
      DATE_PART('epoch', (
        hour AT TIME ZONE '{{ comms_source.time_zone() }}'
      ))
    ) AS start_seconds,
    (
      CASE
        WHEN (
          (
            DATE_PART('epoch', (
              hour AT TIME ZONE '{{ comms_source.time_zone() }}'
            ))
          ) + 3600
        ) <= DATE_PART('epoch', CURRENT_TIMESTAMP)
        THEN (
          (
            DATE_PART('epoch', (
              hour AT TIME ZONE '{{ comms_source.time_zone() }}'
            ))
          ) + 3600
        )
        WHEN (
          (
            DATE_PART('epoch', (
              hour AT TIME ZONE '{{ comms_source.time_zone() }}'
            ))
          ) + 3600
        ) > DATE_PART('epoch', CURRENT_TIMESTAMP)
        THEN DATE_PART('epoch', CURRENT_TIMESTAMP)
      END
    ) AS end_seconds
  FROM local_hours
), covered AS (
  SELECT
    bounds.account,
    bounds.channel,
    bounds.hour,
    SUM(
      (
        CASE
          WHEN (
            CASE
              WHEN bounds.end_seconds <= int_covered_spans.end_seconds
              THEN bounds.end_seconds
              WHEN bounds.end_seconds > int_covered_spans.end_seconds
              THEN int_covered_spans.end_seconds
            END
          ) > (
            CASE
              WHEN bounds.start_seconds >= int_covered_spans.start_seconds
              THEN bounds.start_seconds
              WHEN bounds.start_seconds < int_covered_spans.start_seconds
              THEN int_covered_spans.start_seconds
            END
          )
          THEN (
            CASE
              WHEN bounds.end_seconds <= int_covered_spans.end_seconds
              THEN bounds.end_seconds
              WHEN bounds.end_seconds > int_covered_spans.end_seconds
              THEN int_covered_spans.end_seconds
            END
          ) - (
            CASE
              WHEN bounds.start_seconds >= int_covered_spans.start_seconds
              THEN bounds.start_seconds
              WHEN bounds.start_seconds < int_covered_spans.start_seconds
              THEN int_covered_spans.start_seconds
            END
          )
          ELSE 0
        END
      )
    ) AS covered_seconds
  FROM bounds
  INNER JOIN {{ ref("comms_source", "int_covered_spans") }} AS int_covered_spans
    ON bounds.account = int_covered_spans.account
    AND bounds.channel = int_covered_spans.channel
  GROUP BY
    1,
    2,
    3
), shares AS (
  SELECT
    bounds.*,
    (
      CASE
        WHEN (
          bounds.end_seconds - bounds.start_seconds
        ) <= 0
        THEN NULL
        WHEN COALESCE(covered.covered_seconds, 0) > (
          bounds.end_seconds - bounds.start_seconds
        )
        THEN 1.0
        ELSE CAST(COALESCE(covered.covered_seconds, 0) AS DOUBLE PRECISION) / (
          bounds.end_seconds - bounds.start_seconds
        )
      END
    ) AS covered_share
  FROM bounds
  LEFT JOIN covered
    ON bounds.account = covered.account
    AND bounds.channel = covered.channel
    AND bounds.hour = covered.hour
)
SELECT
  hour,
  CAST(hour AS DATE) AS day,
  CAST(EXTRACT(HOUR FROM hour) AS BIGINT) AS hour_of_day,
  account,
  channel,
  channel_order,
  covered_share,
  operations,
  requested,
  recipients
FROM shares
