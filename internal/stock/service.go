package stock

import (
	"github.com/container-storage-interface/spec/lib/go/csi"

	"github.com/holdfast-sim/holdfast/attachment/csi/service"
	"github.com/holdfast-sim/holdfast/sim"
)

// served is the System behind its own CSI service: the powers are the System's.
type served struct {
	*System
	csi.ControllerServer
}

// Service builds the System as a CSI controller service; hand it to csidriver.System.
func Service(env sim.Env) (csi.ControllerServer, error) {
	built, err := Builder(env)
	if err != nil {
		return nil, err
	}
	s := built.(*System)
	return &served{s, service.New(service.Config{Controller: s.controller, Ready: s.manager.Rebuilt, Driver: env.Driver})}, nil
}
