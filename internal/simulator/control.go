package simulator

type controlServer struct{}

func startControl(*Simulator, string) (*controlServer, error) { return &controlServer{}, nil }
func (*controlServer) close() error                           { return nil }
func (*controlServer) url() string                            { return "" }
