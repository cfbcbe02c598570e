locals {
  # A version that knows none of the chosen statuses is left out: it has nothing to tell of them.
  selected_versions = [
    for major in var.schema_versions : major if var.statuses == null || length(setintersection(
      coalesce(var.statuses, []), try(local.known_statuses[major], []),
    )) > 0
  ]
  selected_types = [for major in local.selected_versions : "novapay.accounts.CustomerStatusChanged.v${major}"]

  # Every transition that one of the subscriber's versions can carry, as FROM>TO.
  possible_transitions = distinct(concat(
    flatten([
      for major in var.schema_versions : [
        for pair in setproduct(
          concat(["NONE"], try(local.known_statuses[major], [])),
          try(local.known_statuses[major], []),
        ) : "${pair[0]}>${pair[1]}" if pair[0] != pair[1]
      ]
    ]),
    flatten([for major in var.schema_versions : try(local.unchanged_transitions[major], [])]),
  ))

  # A status stands for its arrivals and its departures. Where the producer did not know the status
  # before, only NONE>... tells a table of the departure.
  chosen = var.statuses == null ? coalesce(var.transitions, []) : flatten([
    [for status in var.statuses : ["${status}>*", "*>${status}"]],
    var.keeps_latest_state ? ["NONE>*"] : [],
  ])
  pairs     = [for one in local.chosen : { before = split(">", one)[0], since = split(">", one)[1] }]
  from_any  = distinct([for pair in local.pairs : pair.since if pair.before == "*"])
  to_any    = distinct([for pair in local.pairs : pair.before if pair.since == "*"])
  exact     = [for pair in local.pairs : pair if pair.before != "*" && pair.since != "*"]
  is_chosen = length(local.pairs) > 0

  # ---------------------------------------------------------------- SNS: message attributes

  # By type, which names event and version in one: another event of the same version number stays out.
  # None at all on a FIFO topic, which carries one version: there a filter costs the guarantee.
  filter_policy = var.bus.transport == "sns-fifo" ? null : jsonencode(merge(
    { type = local.selected_types },
    { for name, rules in {
      transition = concat(
        [for status in local.to_any : { prefix = "${status}>" }],
        [for status in local.from_any : { suffix = ">${status}" }],
        [for pair in local.exact : "${pair.before}>${pair.since}"],
      )
    } : name => rules if local.is_chosen },
  ))

  # ---------------------------------------------------------------- EventBridge: the document

  # Of each version, the pairs of statuses that it knows.
  known_pairs = { for major in local.selected_versions : major => [
    for pair in local.pairs : pair if alltrue([for status in [pair.before, pair.since] :
      contains(concat(["*", "NONE"], try(local.known_statuses[major], [])), status)
    ])
  ] }
  alternatives = flatten([
    for major, pairs in local.known_pairs : [
      for pair in concat(
        [{ before = distinct([for pair in pairs : pair.before if pair.since == "*"]), since = [] }],
        [{ before = [], since = distinct([for pair in pairs : pair.since if pair.before == "*"]) }],
        [for before in distinct([for pair in pairs : pair.before if pair.before != "*" && pair.since != "*"]) : {
          before = [before],
          since  = [for pair in pairs : pair.since if pair.before == before && pair.since != "*"]
        }],
        ) : {
        type = ["novapay.accounts.CustomerStatusChanged.v${major}"]
        data = { for side, statuses in pair :
          local.status_fields[major][side] => [for status in statuses : status == "NONE" ? null : status]
          if length(statuses) > 0
        }
      } if length(pair.before) + length(pair.since) > 0
    ]
  ])
  # EventBridge takes "$or" for the name of a field unless it holds at least two alternatives.
  detail = concat(
    [for rules in [{ type = local.selected_types }] : jsonencode(rules) if !local.is_chosen],
    [for rules in local.alternatives : jsonencode(rules) if length(local.alternatives) == 1],
    [jsonencode({ "$or" = local.alternatives })],
  )[0]
  event_pattern = jsonencode({
    "detail-type" = ["CustomerStatusChanged"]
    detail        = jsondecode(local.detail)
  })
}
