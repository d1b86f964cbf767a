{{ config(enabled=var('comms_views') == 'models' and var('comms_details')) }}

-- One row per operation, tag and value, with the figures of the resources that carry them.
-- An operation is whole if all its resources carry the tag with this value, or if only the first resource
-- was looked at. An operation without tags has the tag (none).
-- Generated from sql/intermediate/int_tag_members.sql: do not edit.
WITH tagged AS (
  SELECT
    known.account,
    known.channel,
    known.operation_id,
    COALESCE(tags.tag, '(none)') AS tag,
    COALESCE(tags.value, '(none)') AS value,
    CASE WHEN tags.tag IS NULL THEN known.resources ELSE tags.resources END AS resources,
    CASE
      WHEN tags.tag IS NULL OR tags.resources IS NULL
      THEN TRUE
      ELSE COALESCE(tags.resources = known.resources, FALSE)
    END AS is_whole
  FROM {{ ref("comms_source", "int_known_details") }} AS known
  LEFT JOIN {{ ref("comms_source", "stg_operation_tags") }} AS tags
    ON known.account = tags.account
    AND known.channel = tags.channel
    AND known.operation_id = tags.operation_id
), carriers AS (
  SELECT
    tagged.account,
    tagged.channel,
    tagged.operation_id,
    tagged.tag,
    tagged.value,
    COUNT(*) AS carriers,
    (
      CAST(SUM((
        delivered + engaged
      )) AS BIGINT)
    ) AS delivered,
    (
      CAST(SUM((
        undelivered + failed
      )) AS BIGINT)
    ) AS not_delivered,
    (
      CAST(SUM((
        sent + delivered + engaged + undelivered + failed
      )) AS BIGINT)
    ) AS attempted
  FROM tagged
  INNER JOIN {{ ref("comms_source", "stg_resources") }} AS stg_resources
    ON tagged.account = stg_resources.account
    AND tagged.channel = stg_resources.channel
    AND tagged.operation_id = stg_resources.operation_id
  WHERE
    NOT tagged.resources IS NULL
    AND (
      tagged.is_whole
      OR (
        POSITION(
          '"' || tagged.tag || '":"' || tagged.value || '"' IN REPLACE(stg_resources.tags, '": "', '":"')
        ) > 0
      )
    )
  GROUP BY
    tagged.account,
    tagged.channel,
    tagged.operation_id,
    tagged.tag,
    tagged.value
)
SELECT
  tagged.account,
  tagged.channel,
  tagged.operation_id,
  tagged.tag,
  tagged.value,
  tagged.is_whole,
  tagged.resources,
  CASE WHEN tagged.resources = carriers.carriers THEN carriers.delivered END AS resources_delivered,
  CASE WHEN tagged.resources = carriers.carriers THEN carriers.not_delivered END AS resources_not_delivered,
  CASE WHEN tagged.resources = carriers.carriers THEN carriers.attempted END AS resources_attempted
FROM tagged
LEFT JOIN carriers
  ON tagged.account = carriers.account
  AND tagged.channel = carriers.channel
  AND tagged.operation_id = carriers.operation_id
  AND tagged.tag = carriers.tag
  AND tagged.value = carriers.value
