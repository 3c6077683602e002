package gennostr

import "sync"

// names is the one table that belongs to the process and not to a client: who
// has which name (R08). It holds running clients only.
var names = struct {
	mu      sync.Mutex
	clients map[string]*Client // guarded by mu
}{clients: make(map[string]*Client)}

// Whereis finds the running client that [WithName] has given this name, nil if
// there is none.
func Whereis(name string) *Client {
	names.mu.Lock()
	defer names.mu.Unlock()
	return names.clients[name]
}

func (c *Client) takeName() error {
	if c.cfg.name == "" {
		return nil
	}
	names.mu.Lock()
	defer names.mu.Unlock()
	if owner := names.clients[c.cfg.name]; owner != nil {
		return &NameTakenError{Name: c.cfg.name, Client: owner}
	}
	names.clients[c.cfg.name] = c
	return nil
}

// releaseName is the last step before Done closes (R09).
func (c *Client) releaseName() {
	names.mu.Lock()
	defer names.mu.Unlock()
	if names.clients[c.cfg.name] == c {
		delete(names.clients, c.cfg.name)
	}
}
