package launchctl

import "time"

// Hurry shortens the waits.
func (c *Client) Hurry(ending, loading time.Duration) { c.ending, c.loading = ending, loading }
