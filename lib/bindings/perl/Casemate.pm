# SPDX-License-Identifier: Apache-2.0
package Casemate;

use strict;
use warnings;

use IO::Socket::UNIX;
use JSON::PP ();
use Socket   qw(SOCK_STREAM);

our $VERSION = '0.1';

use constant SOCKET    => '/run/casemate/org.casemate.Host';
use constant INTERFACE => 'org.casemate.Host';
use constant REPLY_MAX => 4 << 20;                             # bytes of one reply

=encoding utf8

=head1 NAME

Casemate - the guests of this host, as casemated manages them

=head1 SYNOPSIS

    use Casemate;

    my $host = Casemate->connect;
    print "$_->{tenant}/$_->{name} is $_->{state}\n" for $host->list;
    $host->start('web', tenant => 'acme', event => sub { print "$_[0]{type}\n"; 0 });

=head1 DESCRIPTION

Speaks Varlink, interface org.casemate.Host, over casemated's socket, in Perl alone. What a call
returns are the structs of the interface as hashes; what is missing is not there. Who may do what is
decided by the host from who the caller is.

A call that fails dies with a Casemate::Error: C<< $@->name >> is the error's name in the interface
("NoSuchGuest", "Denied", ...), or "Connect", "Lost", "Protocol", "Argument"; C<< $@->message >> and the
object as a string are for people.

=head1 METHODS

=over

=item Casemate->connect(path => $path)

A connection; without C<path>, to the host's socket.

=item $host->list(tenant => $tenant)

All guests that the caller may see, without their processes.

=item $host->show($guest, tenant => $tenant)

One guest with its C<processes>.

=item $host->start($guest, tenant => $tenant, event => sub { ... })

Start it and wait until it runs; the guest. C<event> is called with each event meanwhile; if it returns
something true, the connection is closed and undef returned; the guest starts nevertheless.

=item $host->stop($guest, tenant => $tenant, seconds => $seconds)

=item $host->kill($guest, ...), pause, resume, quarantine, forget

=item $host->metrics($guest, tenant => $tenant)

=item $host->events(sub { ... }, guest => $guest, tenant => $tenant)

Call it with (event, tenant, guest) for all that happens until it returns something true; then the
connection is closed.

=item $host->console($guest, tenant => $tenant)

A socket, the caller's, that carries the bytes of the guest's serial port. The connection is gone.

=item $host->info, $host->reload

=item $host->close

=back

=cut

sub connect {
    my ($class, %options) = @_;
    my $path   = $options{path} // SOCKET;
    my $socket = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $path)
        or Casemate::Error->throw('Connect', "cannot connect to casemated at $path: $!; does it run?");
    return bless { socket => $socket, buffer => '' }, $class;
}

sub close {
    my ($self) = @_;
    my $socket = delete $self->{socket};
    CORE::close($socket) if $socket;
    $self->{buffer} = '';
    return;
}

sub list {
    my ($self, %options) = @_;
    my @guests;
    $self->_stream(
        'List',
        _about(undef, %options),
        sub {
            my ($parameters) = @_;
            my $some = $parameters->{guests};
            $self->_refuse('guests') if ref $some ne 'ARRAY';
            push @guests, map { $self->_guest($_) } @$some;
            return 0;
        });
    return @guests;
}

sub show {
    my ($self, $guest, %options) = @_;
    return $self->_guest($self->_ask('Show', _about($guest, %options))->{guest});
}

sub start {
    my ($self, $guest, %options) = @_;
    my $event = $options{event};
    my $started;
    return $self->_guest($self->_ask('Start', _about($guest, %options))->{guest}) if !$event;
    $self->_stream(
        'Start',
        _about($guest, %options),
        sub {
            my ($parameters, $last) = @_;
            if ($last) {
                $started = $self->_guest($parameters->{guest});
                return 0;
            }
            return $event->($self->_event($parameters->{event}));
        });
    return $started;
}

sub stop {
    my ($self, $guest, %options) = @_;
    my $about = _about($guest, %options);
    $about->{seconds} = 0 + $options{seconds} if defined $options{seconds};
    $self->_ask('Stop', $about);
    return;
}

for my $method (qw(Kill Pause Resume Quarantine)) {
    no strict 'refs';
    *{ lc $method } = sub {
        my ($self, $guest, %options) = @_;
        $self->_ask($method, _about($guest, %options));
        return;
    };
}

sub metrics {
    my ($self, $guest, %options) = @_;
    my $metrics = $self->_ask('Metrics', _about($guest, %options))->{metrics};
    $self->_refuse('metrics') if ref $metrics ne 'HASH';
    return $metrics;
}

sub events {
    my ($self, $event, %options) = @_;
    $self->_stream(
        'Events',
        _about($options{guest}, %options),
        sub {
            my ($parameters) = @_;
            for my $name (qw(tenant guest)) {
                $self->_refuse($name) if !_is_name($parameters->{$name});
            }
            return $event->($self->_event($parameters->{event}), @$parameters{qw(tenant guest)});
        });
    return;
}

sub console {
    my ($self, $guest, %options) = @_;
    $self->_send('Console', _about($guest, %options), 'upgrade');
    $self->_receive(exactly => 1);
    $self->{buffer} = '';
    return delete $self->{socket};
}

sub info {
    my ($self) = @_;
    return $self->_ask('Info', {});
}

sub reload {
    my ($self) = @_;
    $self->_ask('Reload', {});
    return;
}

# ---- what a call is about

sub _is_name {
    my ($name) = @_;
    return defined $name && !ref $name && $name =~ /\A[a-z0-9][a-z0-9_-]{0,62}\z/;
}

sub _about {
    my ($guest, %options) = @_;
    my %about;
    $about{guest}  = $guest           if defined $guest;
    $about{tenant} = $options{tenant} if defined $options{tenant};
    for my $name (values %about) {
        Casemate::Error->throw('Argument', 'a name is 1 to 63 of a-z, 0-9, _ and -')
            if !_is_name($name);
    }
    return \%about;
}

# ---- what a reply must have

sub _refuse {
    my ($self, $what) = @_;
    $self->close;
    Casemate::Error->throw('Protocol', "casemated's reply is not what " . INTERFACE . " says: $what");
}

sub _guest {
    my ($self, $guest) = @_;
    $self->_refuse('guest')
        if ref $guest ne 'HASH' || !_is_name($guest->{tenant}) || !_is_name($guest->{name});
    for my $field (qw(state mac cpus memory)) {
        $self->_refuse("$field of a guest") if !defined $guest->{$field} || ref $guest->{$field};
    }
    for my $process (@{ $guest->{processes} // [] }) {
        $self->_refuse('process') if ref $process ne 'HASH';
    }
    return $guest;
}

sub _event {
    my ($self, $event) = @_;
    $self->_refuse('event')
        if ref $event ne 'HASH' || !defined $event->{type} || ref $event->{type};
    return $event;
}

# ---- the wire: JSON, each message ended by NUL

sub _lost {
    my ($self, $why) = @_;
    $self->close;
    Casemate::Error->throw('Lost', "casemated closed the connection: $why");
}

sub _send {
    my ($self, $method, $parameters, $how) = @_;
    my %call = (method => INTERFACE . ".$method", parameters => $parameters);
    Casemate::Error->throw('Connect', 'not connected to casemated') if !$self->{socket};
    $call{$how} = JSON::PP::true if $how;
    my $message = JSON::PP->new->utf8->canonical->encode(\%call) . "\0";
    local $SIG{PIPE} = 'IGNORE';
    while (length $message) {
        my $sent = syswrite $self->{socket}, $message;
        next               if !defined $sent && $!{EINTR};
        $self->_lost("$!") if !defined $sent;
        substr $message, 0, $sent, '';
    }
    return;
}

# One reply's parameters, and whether it is the last. `exactly`: not a byte more than the reply is read,
# for what follows is the console's.
sub _receive {
    my ($self, %options) = @_;
    my $end;
    while (($end = index $self->{buffer}, "\0") < 0) {
        my $size = $options{exactly} ? 1 : 65536;
        my $n    = sysread $self->{socket}, $self->{buffer}, $size, length $self->{buffer};
        next                               if !defined $n && $!{EINTR};
        $self->_lost("$!")                 if !defined $n;
        $self->_lost('its end of file')    if $n == 0;
        $self->_refuse('a reply too long') if length $self->{buffer} > REPLY_MAX;
    }
    my $text  = substr $self->{buffer}, 0, $end + 1, '';
    my $reply = eval { JSON::PP->new->utf8->max_depth(32)->decode(substr $text, 0, -1) };
    $self->_refuse('no JSON object') if ref $reply ne 'HASH';
    my $parameters = $reply->{parameters} // {};
    $self->_refuse('parameters') if ref $parameters ne 'HASH';
    if (defined $reply->{error}) {
        my $name    = ref $reply->{error}         ? '?' : $reply->{error};
        my $message = ref $parameters->{message} ? '?' : $parameters->{message} // $name;
        $name    =~ s/\A\Q${\INTERFACE}\E\.//;
        $message =~ s/[\x00-\x1f\x7f]/?/g;
        Casemate::Error->throw($name, $message, $parameters);
    }
    return ($parameters, !$reply->{continues});
}

sub _ask {
    my ($self, $method, $parameters) = @_;
    $self->_send($method, $parameters);
    my ($reply, $last) = $self->_receive;
    $self->_refuse('a reply that continues') if !$last;
    return $reply;
}

# Each reply to $each, with whether it is the last; it returns true to end the call.
sub _stream {
    my ($self, $method, $parameters, $each) = @_;
    my $last = 0;
    $self->_send($method, $parameters, 'more');
    while (!$last) {
        (my $reply, $last) = $self->_receive;
        if ($each->($reply, $last)) {
            $self->close;
            return;
        }
    }
    return;
}

package Casemate::Error;

use overload '""' => sub { "$_[0]{message}\n" }, fallback => 1;

sub throw {
    my ($class, $name, $message, $parameters) = @_;
    die bless { name => $name, message => $message, parameters => $parameters // {} }, $class;
}

sub name       { return $_[0]{name} }
sub message    { return $_[0]{message} }
sub parameters { return $_[0]{parameters} }

1;
