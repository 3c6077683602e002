package nip77

// A Server is the side that answers, a relay. It keeps nothing between messages, so one
// may serve any number of clients that ask for the same set, from any goroutines.
type Server struct {
	set   *Set
	limit int
}

// NewServer serves a set. No answer is longer than frameSizeLimit bytes, twice that in
// hexadecimal; 0 is no limit, and lets a client that knows nothing be sent all ids in
// one message. It fails with [ErrFrameSizeLimit] below [MinFrameSizeLimit].
func NewServer(set *Set, frameSizeLimit int) (*Server, error) {
	if err := checkLimit(frameSizeLimit); err != nil {
		return nil, err
	}
	return &Server{set: set, limit: frameSizeLimit}, nil
}

// Reconcile answers a client's message, of NEG-OPEN or NEG-MSG. Whether the client is content
// with it is not for the server to know.
//
// A message of another version of the protocol is answered with the one byte [Version], as
// NIP-77 has it, for the client to try again. One that cannot be read is a [*ParseError].
func (s *Server) Reconcile(message []byte) (answer []byte, err error) {
	version, err := checkMessage(message)
	switch {
	case err != nil:
		return nil, err
	case version != Version:
		return []byte{Version}, nil
	}
	r := reply{encoder: newEncoder(s.set), limit: s.limit}
	return r.answer(message), nil
}
