/* SPDX-License-Identifier: MIT */
#pragma once

/* The texts of the .varlink files beside this one, in the varlink interface definition language. */

extern const char allocator_interface_description[]; /* io.subidd.Allocator */
extern const char service_interface_description[];   /* org.varlink.service */
