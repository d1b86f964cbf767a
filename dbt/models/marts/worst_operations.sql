{{ config(enabled=var('comms_views') == 'models') }}

-- One row per ranking and operation: the hundred worst operations of an account and channel.
-- The ranking count orders by resources not delivered, the ranking rate by their share, among operations
-- of a minimum size (alert_volume). Of the last 30 days.
-- Generated from sql/marts/worst_operations.sql: do not edit.
WITH losses AS (
  SELECT
    *,
    COALESCE(attempted, offered) AS base
  FROM {{ ref("comms_source", "int_outcomes") }} AS int_outcomes
  WHERE
    is_current
    AND created_at >= CURRENT_TIMESTAMP - INTERVAL '720 HOUR'
    AND not_delivered > 0
), rated AS (
  SELECT
    *,
    (
      CASE
        WHEN base <= 0
        THEN NULL
        WHEN not_delivered > base
        THEN 1.0
        ELSE CAST(not_delivered AS DOUBLE PRECISION) / base
      END
    ) AS not_delivered_rate
  FROM losses
), scored AS (
  SELECT
    *,
    'count' AS ranking,
    CAST(not_delivered AS DOUBLE PRECISION) AS score
  FROM rated
  UNION ALL
  SELECT
    *,
    'rate' AS ranking,
    FLOOR(10000 * not_delivered_rate) AS score
  FROM rated
  WHERE
    base >= {{ comms_source.alert_volume() }} AND NOT not_delivered_rate IS NULL
), score_counts AS (
  SELECT
    account,
    channel,
    ranking,
    score,
    COUNT(*) AS operations
  FROM scored
  GROUP BY
    account,
    channel,
    ranking,
    score
), running_counts AS (
  SELECT
    *,
    SUM(operations) OVER (
      PARTITION BY account, channel, ranking
      ORDER BY score DESC NULLS LAST
      rows BETWEEN UNBOUNDED preceding AND CURRENT ROW
    ) - operations AS worse_operations
  FROM score_counts
), thresholds AS (
  SELECT
    account,
    channel,
    ranking,
    MIN(score) AS least_score
  FROM running_counts
  WHERE
    worse_operations < 100
  GROUP BY
    account,
    channel,
    ranking
), rankings AS (
  SELECT
    scored.*,
    ROW_NUMBER() OVER (
      PARTITION BY scored.account, scored.channel, scored.ranking
      ORDER BY CASE WHEN scored.ranking = 'rate' THEN not_delivered_rate ELSE 0 END DESC NULLS LAST, not_delivered DESC NULLS LAST, created_at DESC NULLS LAST, id ASC
    ) AS place
  FROM scored
  INNER JOIN thresholds
    ON scored.account = thresholds.account
    AND scored.channel = thresholds.channel
    AND scored.ranking = thresholds.ranking
    AND scored.score >= thresholds.least_score
)
SELECT
  account,
  channel,
  channel_order,
  ranking,
  place,
  id,
  status,
  created_at,
  requested,
  recipients,
  unaddressable,
  base AS attempted,
  not_delivered,
  undelivered,
  failed,
  (
    CASE WHEN delivered_low = delivered_high THEN delivered_low END
  ) AS delivered,
  delivered_low,
  delivered_high,
  not_delivered_rate
FROM rankings
WHERE
  place <= 100
