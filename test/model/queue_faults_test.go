package model_test

import (
	"testing"

	"github.com/gennostr/gennostr/test/kit"
)

// queueFaults are what the model-based tests of queues have to find: each is a
// change of one file, as in plantedFaults.
var queueFaults = []fault{
	{
		"an item does not hold its message", "queue.go",
		"\t\tit.place.keep()\n",
		"\t\tit.place.keep()\n\t\tit.place.leave()\n\t\tit.place = nil\n\t\tq.loose.Add(1)\n",
	},
	{
		"Put takes somebody else's message for its own", "queue.go",
		"\tif q.c.running.here() {\n",
		"\tif q.c.running.get().name != \"\" {\n",
	},
	{
		"items that have begun count as waiting", "queue.go",
		"\tif loose {\n\t\tq.loose.Add(-1)\n\t}\n",
		"",
	},
	{
		"the next of a key begins before its predecessor is told", "queue.go",
		"\t\t\tq.c.then(q.then(j.Item, err, true))\n\t\t\tq.mu.Lock()\n\t\t\tq.jobs.Done(j)\n\t\t\tq.mu.Unlock()\n\t\t\tq.c.beginItems(q.c, q)\n",
		"\t\t\tq.mu.Lock()\n\t\t\tq.jobs.Done(j)\n\t\t\tq.mu.Unlock()\n\t\t\tq.c.beginItems(q.c, q)\n\t\t\tdefer q.c.then(q.then(j.Item, err, true))\n\t\t\tfor range 100 {\n\t\t\t\tyield := make(chan int)\n\t\t\t\tgo func() { yield <- 1 }()\n\t\t\t\t<-yield\n\t\t\t}\n",
	},
	{
		"Then runs twice", "queue.go",
		"\t\terr = q.work(ctx, j.Item.value)\n\t}, true\n",
		"\t\terr = q.work(ctx, j.Item.value)\n\t\tq.c.then(q.then(j.Item, err, true))\n\t}, true\n",
	},
	{
		"what has not begun is not told", "stop.go",
		"\trefused := c.queues.close() //",
		"\trefused := c.queues.close()[:0] //",
	},
	{
		"what has ended and waits in the mailbox is not told", "stop.go",
		"\tthens := c.shut()\n",
		"\tthens := c.shut()[:0]\n",
	},
	{
		"what the last ones leave is not looked for", "stop.go",
		"\t\t\tlast = true // and look once more for what the last of them has left\n",
		"\t\t\treturn\n",
	},
	{
		"work is cancelled when the stop begins", "stop.go",
		"\tthens := c.shut()\n",
		"\tthens := c.shut()\n\tc.tasks.cancelWork()\n",
	},
	{
		"work is never cancelled", "stop.go",
		"\tenough := time.NewTimer(time.Until(deadline) - c.cfg.shutdownTimeout/10)\n",
		"\tenough := time.NewTimer(time.Until(deadline) + time.Hour)\n",
	},
	{
		"Then runs after a panic", "stop.go",
		"\ttell := !isPanic(c.reason) && c.parent.Err() == nil\n",
		"\ttell := c.parent.Err() == nil\n",
	},
	{
		"what is not told keeps its place for ever", "stop.go",
		"\t\t\t\tc.untold(l)\n",
		"",
	},
	{
		"a queue that is made too late takes items", "queue.go",
		"\treturn !qs.ended\n",
		"\treturn true\n",
	},
	{
		"the place is not given up after Then", "letters.go",
		"\t\tc.place = l.place\n\t\tdefer c.vacate(l.place)\n",
		"\t\tc.place = l.place\n\t\tdefer func() { c.place = nil }()\n",
	},
	{
		"a hold can be released twice", "hold.go",
		"\treturn sync.OnceFunc(func() {\n\t\ts.c.holds.remove(h)\n\t\tp.leave()\n\t})\n",
		"\treturn func() {\n\t\ts.c.holds.remove(h)\n\t\tp.leave()\n\t}\n",
	},
	{
		"a request that is kept leaves its place when it has been handled", "hold.go",
		"func (p asked) keep()  { p.c.posted.Add(1) }\n",
		"func (p asked) keep()  { p.c.posted.Add(0) }\n",
	},
	{
		"RemoveRelay forgets what is held", "entry.go",
		"\t\ts.windows[e.url] = e.window\n",
		"",
	},
	{
		"one worker too many", "internal/jobs/jobs.go",
		"\tif q.running >= q.workers ||",
		"\tif q.running > q.workers ||",
	},
	{
		"two of a key at once", "internal/jobs/jobs.go",
		"\tif keyed {\n",
		"\tif keyed && q.last%2 == 0 {\n",
	},
	{
		"the next of a key is forgotten", "internal/jobs/jobs.go",
		"\tq.ready.push(line.pop())\n",
		"\tif q.last%3 != 0 {\n\t\tq.ready.push(line.pop())\n\t}\n",
	},
	{
		"those of a key that wait are lost at the end", "internal/jobs/jobs.go",
		"\t\tfor line.len() > 0 {\n",
		"\t\tfor line.len() > 1 {\n",
	},
}

// TestModelFindsFaultsOfQueues takes minutes, like TestModelFindsPlantedFaults.
func TestModelFindsFaultsOfQueues(t *testing.T) {
	kit.FindFaults(t, "^TestModelInQueue", []string{saysQueue}, asKits(queueFaults))
}
