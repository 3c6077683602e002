package gennostr

// The recurring tasks of a connection (R57) run between its OnConnect and its
// OnDisconnect. One is set again only when it has run, so a slow handler never
// finds a queue of them.

// armTask sets the next run of a task. Client goroutine.
func (c *Client) armTask(conn *connection, i int) {
	t := conn.cfg.tasks[i]
	conn.taskIDs[i] = c.timers.after(c.now().Add(t.every), &taskLetter{conn, i})
}

// startTasks starts the tasks of a connection. Client goroutine.
func (c *Client) startTasks(conn *connection) {
	conn.greeted = true
	conn.taskIDs = make([]uint64, len(conn.cfg.tasks))
	for i := range conn.taskIDs {
		c.armTask(conn, i)
	}
}

// stopTasks ends them. Client goroutine.
func (c *Client) stopTasks(conn *connection) {
	conn.greeted = false
	for _, id := range conn.taskIDs {
		c.timers.cancel(id)
	}
	conn.taskIDs = nil
}

func (l *taskLetter) task() task { return l.conn.cfg.tasks[l.index] }

func (l *taskLetter) handle(c *Client) *exit {
	if !l.conn.greeted {
		return nil // it was in the mailbox when the connection ended
	}
	t := l.task()
	if t.run == nil {
		c.mail.Trim()
		c.timers.trim()
		c.tasks.trim()
		c.intakes.Twins.Forget()
		l.conn.trim()
	} else if e := c.call("task "+t.name, l.conn.relay, nil, func() error { return t.run(c.self, l.conn.relay) }); e != nil {
		return e
	}
	c.armTask(l.conn, l.index)
	return nil
}

// trimAll is what Hibernate does (R28).
func (c *Client) trimAll() {
	c.mail.Trim()
	c.timers.trim()
	c.tasks.trim()
	c.intakes.Twins.Forget()
	for _, conn := range c.reg.all() {
		conn.trim()
	}
}
