# What no plan of these Macs may do, whoever writes it. For conftest and opa; the
# plan is what `hostler show --json PLAN` prints.
package main

import rego.v1

# after is what each resource of a type will be, by its address.
after[type][address] := c.change.after if {
	some c in input.resource_changes
	type := c.type
	address := c.address
	c.change.after != null
}

deny contains sprintf("%s would be destroyed, and with it the way to the Mac's jobs", [c.address]) if {
	some c in input.resource_changes
	c.type in {"runner", "runner_group", "secret"}
	c.change.actions == ["delete"]
}

deny contains sprintf("%s is open to public repositories", [address]) if {
	some address, group in after.runner_group
	group.allow_public
}

deny contains sprintf("%s lends a VM for more than two hours", [address]) if {
	some address, profile in after.profile
	time.parse_duration_ns(profile.timeout) > time.parse_duration_ns("2h")
}
