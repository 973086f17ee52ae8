package kube

import (
	"context"
	"errors"
	"io"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

var errNotYet = errors.New("not implemented yet")

func (a *api) EtcdMembers(context.Context) ([]model.EtcdMember, error)         { return nil, errNotYet }
func (a *api) MoveEtcdLeader(context.Context, string) error                    { return errNotYet }
func (a *api) RemoveEtcdMember(context.Context, uint64) error                  { return errNotYet }
func (a *api) EtcdSnapshot(context.Context, io.Writer) (size int64, err error) { return 0, errNotYet }
