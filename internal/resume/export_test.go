package resume

import "github.com/gennostr/gennostr/internal/paging"

// Heir tells whether an ask takes over what is open of a track, and loads nothing.
func (a *Ask) Heir() bool { return a.heirOf != nil }

const (
	MaxTries = paging.MaxTries
	MaxParts = maxParts
)
