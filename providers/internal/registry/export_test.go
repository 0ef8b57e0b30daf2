package registry

import "time"

// Hurry shortens what a Resolve may take.
func (c *Client) Hurry(d time.Duration) { c.patience = d }
