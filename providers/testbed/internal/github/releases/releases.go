// Package releases is a simulated GitHub's releases of the runner program,
// which it tells of as of any repository's.
package releases

import (
	"slices"

	"hostler/providers/testbed/internal/github/rest"
	"hostler/providers/testbed/internal/github/world"
)

// Routes are the operations on releases.
func Routes() []rest.Route {
	base := "/repos/{owner}/{repo}/releases"
	return []rest.Route{
		{Method: "GET", Pattern: base, ID: "repos/list-releases", Needs: "none", Do: list},
		{Method: "GET", Pattern: base + "/latest", ID: "repos/get-latest-release", Needs: "none", Do: one},
		{Method: "GET", Pattern: base + "/tags/{tag}", ID: "repos/get-release-by-tag", Needs: "none", Do: one},
	}
}

// all are the runner program's, newest first; of no other repository any.
func all(c *rest.Call) []*world.Release {
	if c.Vars["owner"] != "actions" || c.Vars["repo"] != "runner" {
		return nil
	}
	return append(slices.Clone(c.World.Releases), &world.FirstRelease)
}

func list(c *rest.Call) rest.Answer {
	var out []rest.M
	for i, r := range all(c) {
		out = append(out, show(c, int64(i+1), r))
	}
	if out == nil {
		return rest.NotFound()
	}
	return rest.Page(c, out, "", nil)
}

func one(c *rest.Call) rest.Answer {
	for i, r := range all(c) {
		if tag := c.Vars["tag"]; tag == "" || tag == "v"+r.Version {
			return rest.OK(show(c, int64(i+1), r))
		}
	}
	return rest.NotFound()
}

func show(c *rest.Call, id int64, r *world.Release) rest.M {
	u := c.Root + "/repos/actions/runner/releases/" + r.Version
	return rest.M{
		"id": id, "node_id": rest.NodeID("Release", id), "tag_name": "v" + r.Version, "name": "v" + r.Version, "target_commitish": "main", "body": "",
		"draft": false, "prerelease": false, "created_at": rest.Time(r.Published), "published_at": rest.Time(r.Published), "assets": []any{},
		"author": c.User("actions"), "url": u, "html_url": u, "assets_url": u + "/assets", "upload_url": u + "/assets{?name}", "tarball_url": nil, "zipball_url": nil,
	}
}
