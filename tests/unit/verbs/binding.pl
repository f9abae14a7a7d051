# SPDX-License-Identifier: Apache-2.0
# What tests/golden/cli/bindings.replies says, through the Perl binding: binding.pl SOCKET.
use strict;
use warnings;

use Casemate;

sub attempt {
    my ($call) = @_;
    return if eval { $call->(); 1 };
    die $@ if !ref $@;
    print $@->name, "\n";
    return;
}

sub heard {
    my ($event, $tenant, $guest) = @_;
    print join(' ', 'event', $tenant // '-', $guest // '-', $event->{type}, $event->{text} // '-'), "\n";
    return $event->{type} eq 'ended';
}

my ($path) = @ARGV;
my $host = Casemate->connect(path => $path);
for my $guest ($host->list) {
    print join(' ', @$guest{qw(tenant name state cpus memory)}, $guest->{context} // '-'), "\n";
}
for my $process (@{ $host->show('web', tenant => 'acme')->{processes} }) {
    print join(' ', @$process{qw(kind index pid uid)}, $process->{context} // '-'), "\n";
}
print $host->start('web', tenant => 'acme', event => \&heard)->{state}, "\n";
$host->stop('web', seconds => 5);
attempt(sub { $host->kill('web') });
attempt(sub { $host->pause('No Name') });
my $metrics = $host->metrics('web');
print $metrics->{cpu_usec}, ' ', $metrics->{memory} // '-', "\n";
print $host->info->{version}, "\n";
$host->events(\&heard);

$host = Casemate->connect(path => $path);
my $console = $host->console('web');
my $text    = '';
sysread $console, $text, 64, length $text while $text !~ /login: \z/;
print "$text\n";
close $console;

$host = Casemate->connect(path => $path);
attempt(sub { $host->show('web') });
attempt(sub { Casemate->connect(path => '/nowhere/at/all') });
