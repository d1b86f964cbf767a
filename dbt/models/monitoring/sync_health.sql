{{ config(enabled=var('comms_views') == 'models') }}

-- One row per account and channel that was ever read: how fresh and how complete the warehouse is.
-- Two deadlines: the next run must read before the first, or creation time is lost for good, and before
-- the second, or figures freeze that may still have changed.
-- Generated from sql/monitoring/sync_health.sql: do not edit.
WITH reads AS (
  SELECT
    account,
    channel,
    MAX(read_at) AS last_synced_at,
    MIN(CASE WHEN is_complete THEN window_start END) AS first_complete,
    MIN(
      CASE
        WHEN rows_read > 0
        AND window_end > (
          CURRENT_TIMESTAMP - INTERVAL '{{ comms_source.retention_seconds() }} SECOND'
        )
        AND DATE_PART('epoch', read_at) < 3600 * (
          {{ comms_source.retention_hours() }} - 24
        ) + (
          CASE
            WHEN DATE_PART('epoch', window_end) <= (
              DATE_PART('epoch', window_start) + 43200
            )
            THEN DATE_PART('epoch', window_end)
            WHEN DATE_PART('epoch', window_end) > (
              DATE_PART('epoch', window_start) + 43200
            )
            THEN (
              DATE_PART('epoch', window_start) + 43200
            )
          END
        )
        THEN window_start
      END
    ) AS freezes_first
  FROM {{ source("comms", "coverage") }} AS coverage
  GROUP BY
    account,
    channel
), found_gaps AS (
  SELECT
    account,
    channel,
    COUNT(*) AS gaps,
    SUM(
      (
        CAST((
          DATE_PART('epoch', gap_end) - DATE_PART('epoch', gap_start)
        ) AS DOUBLE PRECISION) / 3600
      )
    ) AS gap_hours,
    MAX(gap_end) AS last_gap_end
  FROM {{ source("comms", "gaps") }} AS gaps
  GROUP BY
    account,
    channel
), accounted_for AS (
  SELECT
    account,
    channel,
    window_start,
    window_end
  FROM {{ source("comms", "coverage") }} AS coverage
  WHERE
    is_complete
  UNION ALL
  SELECT
    account,
    channel,
    CAST('1970-01-01T00:00:00Z' AS TIMESTAMPTZ) AS window_start,
    COALESCE(last_gap_end, first_complete) AS window_end
  FROM reads
  LEFT JOIN found_gaps
    USING (account, channel)
), windows_in_order AS (
  SELECT
    *,
    MAX(window_end) OVER (
      PARTITION BY account, channel
      ORDER BY window_start
      rows BETWEEN UNBOUNDED preceding AND 1 preceding
    ) AS complete_before
  FROM accounted_for
), covered AS (
  SELECT
    account,
    channel,
    COALESCE(
      MIN(CASE WHEN window_start > complete_before THEN complete_before END),
      MAX(window_end)
    ) AS complete_up_to
  FROM windows_in_order
  GROUP BY
    account,
    channel
), rejections AS (
  SELECT
    account,
    channel,
    (
      CAST(COUNT(CASE WHEN (
        state = 'open'
      ) THEN 1 END) AS BIGINT)
    ) AS rejected
  FROM {{ ref("comms_source", "int_rejected_rows") }} AS int_rejected_rows
  GROUP BY
    account,
    channel
), by_id AS (
  SELECT
    account,
    channel,
    (
      CAST(COUNT(CASE WHEN (
        outcome = 'active'
      ) THEN 1 END) AS BIGINT)
    ) AS active_by_id,
    (
      CAST(COUNT(CASE WHEN (
        outcome = 'not_found'
      ) THEN 1 END) AS BIGINT)
    ) AS not_found
  FROM {{ source("comms", "followed_operations") }} AS followed_operations
  GROUP BY
    account,
    channel
), stored AS (
  SELECT
    account,
    channel,
    COUNT(*) AS operations,
    MAX(created_at) AS newest_operation
  FROM {{ ref("comms_source", "stg_operation_rows") }} AS stg_operation_rows
  WHERE
    is_current
  GROUP BY
    account,
    channel
), channel_runs AS (
  SELECT
    runs.account,
    channels.channel,
    runs.started_at,
    runs.outcome,
    runs.channels <> '{}' AS is_named
  FROM {{ source("comms", "runs") }} AS runs
  INNER JOIN (
    SELECT
      'messages' AS channel,
      CAST(1 AS BIGINT) AS channel_order,
      TRUE AS has_outcomes,
      TRUE AS has_engagement,
      TRUE AS has_attempts,
      CAST({{ comms_source.pinned_mode("messages") }} AS TEXT) AS pinned_mode
    UNION ALL
    SELECT
      'emails' AS channel,
      CAST(2 AS BIGINT) AS channel_order,
      TRUE AS has_outcomes,
      TRUE AS has_engagement,
      FALSE AS has_attempts,
      CAST({{ comms_source.pinned_mode("emails") }} AS TEXT) AS pinned_mode
    UNION ALL
    SELECT
      'push_notifications' AS channel,
      CAST(3 AS BIGINT) AS channel_order,
      FALSE AS has_outcomes,
      FALSE AS has_engagement,
      FALSE AS has_attempts,
      CAST({{ comms_source.pinned_mode("push_notifications") }} AS TEXT) AS pinned_mode
  ) AS channels
    ON runs.channels = '{}' OR runs.channels LIKE '%"' || channels.channel || '":%'
), known_channels AS (
  SELECT
    account,
    channel
  FROM reads
  UNION
  SELECT
    account,
    channel
  FROM channel_runs
  WHERE
    is_named
), run_counts AS (
  SELECT
    account,
    channel,
    MAX(started_at) AS last_run_at,
    MAX(CASE WHEN outcome = 'complete' THEN started_at END) AS last_complete_run_at,
    (
      CAST(COUNT(CASE WHEN (
        started_at >= CURRENT_TIMESTAMP - INTERVAL '168 HOUR'
      ) THEN 1 END) AS BIGINT)
    ) AS runs_7_days,
    (
      CAST(COUNT(
        CASE
          WHEN (
            started_at >= CURRENT_TIMESTAMP - INTERVAL '168 HOUR' AND outcome <> 'complete'
          )
          THEN 1
        END
      ) AS BIGINT)
    ) AS troubled_runs_7_days
  FROM channel_runs
  GROUP BY
    account,
    channel
), last_runs AS (
  SELECT
    channel_runs.account,
    channel_runs.channel,
    MIN(channel_runs.outcome) AS last_run_outcome
  FROM channel_runs
  INNER JOIN run_counts
    ON channel_runs.account = run_counts.account
    AND channel_runs.channel = run_counts.channel
    AND channel_runs.started_at = run_counts.last_run_at
  GROUP BY
    channel_runs.account,
    channel_runs.channel
)
SELECT
  account,
  channel,
  channels.channel_order,
  COALESCE(operations, 0) AS operations,
  newest_operation,
  last_synced_at,
  (
    CAST((
      DATE_PART('epoch', CURRENT_TIMESTAMP) - DATE_PART('epoch', last_synced_at)
    ) AS DOUBLE PRECISION) / 3600
  ) AS hours_since_sync,
  complete_up_to,
  (
    CAST((
      DATE_PART('epoch', complete_up_to) - DATE_PART(
        'epoch',
        (
          CURRENT_TIMESTAMP - INTERVAL '{{ comms_source.retention_seconds() }} SECOND'
        )
      )
    ) AS DOUBLE PRECISION) / 3600
  ) AS hours_to_deadline,
  (
    CAST((
      DATE_PART('epoch', freezes_first) - DATE_PART(
        'epoch',
        (
          CURRENT_TIMESTAMP - INTERVAL '{{ comms_source.retention_seconds() }} SECOND'
        )
      )
    ) AS DOUBLE PRECISION) / 3600
  ) AS hours_to_freeze,
  COALESCE(gaps, 0) AS gaps,
  COALESCE(gap_hours, 0) AS gap_hours,
  last_gap_end,
  COALESCE(rejected, 0) AS rejected,
  COALESCE(active_by_id, 0) AS active_by_id,
  COALESCE(not_found, 0) AS not_found,
  last_run_at,
  last_run_outcome,
  last_complete_run_at,
  COALESCE(runs_7_days, 0) AS runs_7_days,
  COALESCE(troubled_runs_7_days, 0) AS troubled_runs_7_days
FROM known_channels
INNER JOIN (
  SELECT
    'messages' AS channel,
    CAST(1 AS BIGINT) AS channel_order,
    TRUE AS has_outcomes,
    TRUE AS has_engagement,
    TRUE AS has_attempts,
    CAST({{ comms_source.pinned_mode("messages") }} AS TEXT) AS pinned_mode
  UNION ALL
  SELECT
    'emails' AS channel,
    CAST(2 AS BIGINT) AS channel_order,
    TRUE AS has_outcomes,
    TRUE AS has_engagement,
    FALSE AS has_attempts,
    CAST({{ comms_source.pinned_mode("emails") }} AS TEXT) AS pinned_mode
  UNION ALL
  SELECT
    'push_notifications' AS channel,
    CAST(3 AS BIGINT) AS channel_order,
    FALSE AS has_outcomes,
    FALSE AS has_engagement,
    FALSE AS has_attempts,
    CAST({{ comms_source.pinned_mode("push_notifications") }} AS TEXT) AS pinned_mode
) AS channels
  USING (channel)
LEFT JOIN reads
  USING (account, channel)
LEFT JOIN covered
  USING (account, channel)
LEFT JOIN found_gaps
  USING (account, channel)
LEFT JOIN rejections
  USING (account, channel)
LEFT JOIN by_id
  USING (account, channel)
LEFT JOIN stored
  USING (account, channel)
LEFT JOIN run_counts
  USING (account, channel)
LEFT JOIN last_runs
  USING (account, channel)
