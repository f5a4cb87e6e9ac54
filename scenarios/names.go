package scenarios

// Names returns the volume and the node that a step is about, each empty if it is about none.
func (s Step) Names() (volume, node string) {
	s.named(func(v, n *string) {
		if v != nil {
			volume = *v
		}
		if n != nil {
			node = *n
		}
	})
	return volume, node
}

// WithNames returns the step about another volume and node, as far as it is about any.
func (s Step) WithNames(volume, node string) Step {
	s.named(func(v, n *string) {
		if v != nil && *v != "" {
			*v = volume
		}
		if n != nil && *n != "" {
			*n = node
		}
	})
	return s
}

// named gives f the places of the names in the step's own copy of its action; nil is none.
func (s *Step) named(f func(volume, node *string)) {
	switch {
	case s.Publish != nil:
		s.Publish = new(*s.Publish)
		f(&s.Publish.Volume, &s.Publish.Node)
	case s.Unpublish != nil:
		s.Unpublish = new(*s.Unpublish)
		f(&s.Unpublish.Volume, &s.Unpublish.Node)
	case s.Call != nil:
		s.Call = new(*s.Call)
		f(&s.Call.Volume, &s.Call.Node)
	case s.SetReady != nil:
		s.SetReady = new(*s.SetReady)
		f(nil, &s.SetReady.Node)
	case s.DeletePV != nil:
		s.DeletePV = new(*s.DeletePV)
		f(&s.DeletePV.Volume, nil)
	case s.CreatePV != nil:
		s.CreatePV = new(*s.CreatePV)
		f(&s.CreatePV.Volume, nil)
	}
	for _, r := range []**NodeRef{&s.CreateNode, &s.DeleteNode, &s.KillMachine, &s.StartMachine, &s.OutOfService} {
		if *r != nil {
			*r = new(**r)
			f(nil, &(*r).Node)
		}
	}
}
